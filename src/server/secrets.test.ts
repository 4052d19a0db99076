import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { processSecrets } from './secrets.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-secrets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, text: string, mode = 0o600): string {
  const made = path.join(folder, name)
  writeFileSync(made, text, { mode })
  return made
}

test('a passphrase is the one line of a private file, without its end', async () => {
  const named = { SLUICE_PASSPHRASE_FILE: file('one', ' several words \r\n') }
  expect((await processSecrets(named).passphrase('open')).open()).toBe(' several words ')
})

test('a passphrase is read from an open descriptor, once', async () => {
  const fd = openSync(file('fd', 'several words\n'), 'r')
  const secrets = processSecrets({ SLUICE_NEW_PASSPHRASE_FD: String(fd) })
  expect((await secrets.passphrase('new')).open()).toBe('several words')
  expect((await secrets.passphrase('new')).open()).toBe('several words')
})

test('a person is asked when the environment names nothing', async () => {
  const asked: unknown[] = []
  const secrets = processSecrets({}, async (...question) => {
    asked.push(question)
    return new Sealed('typed')
  })
  await secrets.passphrase('open')
  await secrets.passphrase('new')
  await secrets.backupPassphrase('new')
  await secrets.backupPassphrase('open')
  expect(asked).toEqual([
    ['Passphrase of the data directory: ', false],
    ['New passphrase of the data directory: ', true],
    ['Passphrase of the backup: ', true],
  ])
})

test.each([
  ['the passphrase itself', { SLUICE_PASSPHRASE: 'words' }, 'PassphraseExposed', /_FILE/],
  ['an absent file', { SLUICE_PASSPHRASE_FILE: '/no/such' }, 'PassphraseMissing', /absent/],
  [
    'a file that others may read',
    { SLUICE_PASSPHRASE_FILE: file('open', 'several words', 0o644) },
    'PassphraseExposed',
    /chmod 600/,
  ],
  [
    'an empty file',
    { SLUICE_PASSPHRASE_FILE: file('empty', '\n') },
    'PassphraseMissing',
    /one line/,
  ],
  ['two lines', { SLUICE_PASSPHRASE_FILE: file('two', 'a\nb\n') }, 'PassphraseMissing', /one line/],
  ['a closed descriptor', { SLUICE_PASSPHRASE_FD: '9999' }, 'PassphraseMissing', /EBADF/],
  ['no number', { SLUICE_PASSPHRASE_FD: 'stdin' }, 'PassphraseMissing', /no number/],
  ['nothing', {}, 'PassphraseMissing', /nobody can be asked/],
])('an environment that holds %s is refused in words', async (_what, env, code, message) => {
  const secrets = processSecrets(env as Record<string, string>)
  await expect(secrets.passphrase('open')).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  })
})
