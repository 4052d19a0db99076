import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Estate } from './harness.ts'

const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
let estate = new Estate()

beforeEach(() => {
  estate = new Estate()
})

afterEach(() => estate.remove())

test('a taken port is said in words, with the way out', async () => {
  const other = createServer()
  const port = await new Promise<number>((resolve) =>
    other.listen(0, '127.0.0.1', () => resolve((other.address() as { port: number }).port)),
  )
  const { code, stderr } = await estate.sluice([
    'up',
    '--port',
    String(port),
    '--proxy-port',
    '0',
    '--detach',
  ])
  other.close()
  expect(code).toBe(1)
  expect(stderr).toContain(`Port ${port} on 127.0.0.1 is taken by another program`)
  expect(await estate.json(['status'])).toMatchObject({ state: 'stopped' })
})

test('a data directory that is a file, or lies below one, is refused', async () => {
  const file = path.join(estate.home, 'file')
  writeFileSync(file, 'mine')
  for (const data of [file, path.join(file, 'below')]) {
    const { code, stderr } = await estate.sluice(['group', 'list', '--data', data])
    expect(code).toBe(1)
    expect(stderr).toMatch(/^ERROR: The data directory .* cannot be used .*--data/)
  }
  expect(readFileSync(file, 'utf8')).toBe('mine')
})

test('data from a newer version is refused and not changed', async () => {
  await estate.json(['group', 'list'])
  const db = new DatabaseSync(path.join(estate.data, 'sluice.db'))
  db.exec("insert into migration values ('vault-9999-future', 1)")
  db.close()
  const { code, stderr } = await estate.sluice(['group', 'list'])
  expect(code).toBe(1)
  expect(stderr).toContain('written by a newer version of Sluice (it has vault-9999-future)')
})

test('a lost, a wrong and an exposed root key are each one clear error', async () => {
  await estate.json(['group', 'list'])
  const file = path.join(estate.data, 'root.key')
  const key = readFileSync(file, 'utf8')
  rmSync(file)
  expect((await estate.sluice(['group', 'list'])).stderr).toMatch(/root\.key is missing/)
  writeFileSync(file, `${Buffer.alloc(32, 1).toString('base64')}\n`, { mode: 0o600 })
  expect((await estate.sluice(['group', 'list'])).stderr).toMatch(/root key does not fit/)
  writeFileSync(file, key)
  chmodSync(file, 0o644)
  expect((await estate.sluice(['group', 'list'])).stderr).toMatch(/chmod 600/)
  chmodSync(file, 0o600)
  expect((await estate.sluice(['group', 'list'])).code).toBe(0)
})

test('killed at any moment of its first start, 50 times, a server then starts and works', async () => {
  for (let i = 0; i < 50; i += 1) {
    rmSync(estate.data, { recursive: true, force: true })
    const child = spawn(
      process.execPath,
      [launcher, 'up', '--data', estate.data, '--port', '0', '--proxy-port', '0'],
      {
        stdio: 'ignore',
      },
    )
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await new Promise((resolve) => setTimeout(resolve, 60 + i * 8))
    child.kill('SIGKILL')
    await ended
    if (i % 5 !== 4) continue
    const { code, stderr } = await estate.sluice([
      'group',
      'create',
      '-n',
      `g${i}`,
      '-l',
      'westeurope',
    ])
    expect(stderr).toBe('')
    expect(code).toBe(0)
  }
}, 120_000)

test('two commands that make the data directory at the same time both succeed', async () => {
  const outcomes = await Promise.all(
    [1, 2, 3].map((i) => estate.sluice(['group', 'create', '-n', `g${i}`, '-l', 'westeurope'])),
  )
  expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']))
  expect(await estate.json(['group', 'list'])).toHaveLength(3)
}, 60_000)

test('a server that stops on SIGTERM leaves no server.json and no work folder', async () => {
  mkdirSync(estate.data, { recursive: true })
  await estate.up()
  await estate.json(['down'])
  expect(existsSync(path.join(estate.data, 'server.json'))).toBe(false)
}, 30_000)
