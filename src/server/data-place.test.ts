import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { checkDatabaseAddress, findDataPlace } from './data-place.ts'

const URL = 'postgres://sluice@db.test/sluice'

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(path.join(os.tmpdir(), 'sluice-place-'))
  folders.push(made)
  return made
}
afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true })
})

test('a new directory has its own file, or the database that was named, and keeps to it', () => {
  const directory = folder()
  expect(findDataPlace(directory, undefined).url).toBeUndefined()
  const place = findDataPlace(directory, URL)
  expect(findDataPlace(directory, undefined).url).toBeUndefined()
  writeFileSync(path.join(directory, 'root.key'), '')
  place.keep()
  expect(findDataPlace(directory, undefined).url).toBe(URL)
  expect(findDataPlace(directory, URL).url).toBe(URL)
  expect(statSync(path.join(directory, 'database.json')).mode & 0o777).toBe(0o600)
})

test('a directory that has chosen refuses another database and is left as it is', () => {
  const own = folder()
  writeFileSync(path.join(own, 'sluice.db'), '')
  expect(() => findDataPlace(own, URL)).toThrow(/its own sluice\.db/)
  const elsewhere = folder()
  writeFileSync(path.join(elsewhere, 'root.key'), '')
  findDataPlace(elsewhere, URL).keep()
  const before = readFileSync(path.join(elsewhere, 'database.json'), 'utf8')
  expect(() => findDataPlace(elsewhere, `${URL}2`)).toThrow(/in another database/)
  expect(readFileSync(path.join(elsewhere, 'database.json'), 'utf8')).toBe(before)
})

test.each([
  ['no JSON', '{'],
  ['no object', '[]'],
  ['no address', '{}'],
  ['an address that is no text', '{"url":1}'],
])('a settings file with %s is refused', (_case, text) => {
  const directory = folder()
  writeFileSync(path.join(directory, 'database.json'), text, { mode: 0o600 })
  expect(() => findDataPlace(directory, undefined)).toThrow(/names no url/)
})

test('a settings file written by hand is taken, and with a password', () => {
  const directory = folder()
  const text = '{"url":"postgres://a:b@c/d"}'
  writeFileSync(path.join(directory, 'database.json'), text, { mode: 0o600 })
  expect(findDataPlace(directory, undefined).url).toBe('postgres://a:b@c/d')
})

test('a directory that has used its database and has no root key has lost it', () => {
  const directory = folder()
  findDataPlace(directory, URL).keep()
  expect(() => findDataPlace(directory, undefined)).toThrow(/root\.key is missing/)
})

test('a settings file that others can read is refused: it may hold a password', () => {
  const directory = folder()
  findDataPlace(directory, URL).keep()
  chmodSync(path.join(directory, 'database.json'), 0o644)
  expect(() => findDataPlace(directory, undefined)).toThrow(/chmod 600/)
})

test.each([
  ['sluice.db', /takes the address/],
  ['mysql://a@b/c', /takes the address/],
  ['postgres://a:canary@b/c', /must not hold a password/],
  ['postgres://a:canary@/c?host=/run', /must not hold a password/],
  ['postgres://a@b/c?password=canary', /must not hold a password/],
])('the address %s is refused, and nothing of it is said', (address, words) => {
  expect(() => checkDatabaseAddress(address)).toThrow(words)
  expect(() => checkDatabaseAddress(address)).not.toThrow(/canary/)
})

test.each(['postgres://a@b/c', 'postgresql://b:5433/c', 'postgres://a@/c?host=/run/postgresql'])(
  'the address %s is taken',
  (address) => {
    expect(() => checkDatabaseAddress(address)).not.toThrow()
  },
)
