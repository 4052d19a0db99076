import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { globSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Sealed } from '../src/base/sealed.ts'
import { dataKeyPlace } from '../src/storage/data-keys.ts'
import { RootKeyring } from '../src/storage/root-key-ring.ts'
import { type Account, allow, makeAccount, makeVault, send, tokensOf } from './content.ts'
import { Estate, type Outcome } from './harness.ts'

const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
const traffic = path.join(import.meta.dirname, 'clients/traffic.mjs')
const VAULT = 'https://kv-rest.vault.azure.net'
const estate = new Estate()
const restored = new Estate()
/** One with a root key file. */
const other = new Estate()
/** What must not be seen anywhere: passphrases, and keys in the forms that people write them in. */
const canaries = new Set<string>()
const said: Outcome[] = []
const seenArguments = new Set<string>()
/** The file of the passphrase that the data directory has now. */
let present: string
let account: Account
let looking: NodeJS.Timeout

/** A new passphrase in a private file beside the data. */
function passphraseFile(): string {
  const word = randomBytes(12).toString('hex')
  canaries.add(word)
  const file = path.join(estate.home, `passphrase-${word.slice(0, 6)}`)
  writeFileSync(file, `canary ${word}\n`, { mode: 0o600 })
  return file
}

async function say(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const outcome = await estate.sluice(args, { env: { SLUICE_PASSPHRASE_FILE: present, ...env } })
  said.push(outcome)
  return outcome
}

async function json(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await say(args, env)
  expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 0, ''])
  return JSON.parse(stdout) as Record<string, unknown>
}

function lookAtArguments(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
      if ([...canaries].some((word) => line.includes(word))) seenArguments.add(line)
    } catch {
      // It has ended.
    }
  }
}

beforeAll(async () => {
  looking = setInterval(lookAtArguments, 100)
  present = passphraseFile()
  await json(['init', '--root-key', 'passphrase'], { SLUICE_NEW_PASSPHRASE_FILE: present })
  await json(['up', '--port', '0', '--proxy-port', '0', '--detach'])
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  account = await makeAccount(estate, 'reader')
  await makeVault(estate, 'kv-rest')
  await allow(estate, 'kv-rest', account, 'all')
}, 60_000)

afterAll(async () => {
  clearInterval(looking)
  await restored.remove()
  await other.remove()
  await estate.remove()
})

interface Traffic {
  /** The last acknowledged value of each name; fails when a write or a read did. */
  stop(): Promise<Map<string, string>>
}

/** A writer and reader in a process of its own. */
async function startTraffic(): Promise<Traffic> {
  const [token = ''] = await tokensOf(estate, [account])
  const child: ChildProcess = spawn(
    process.execPath,
    [launcher, 'exec', '--', process.execPath, traffic],
    {
      env: {
        ...process.env,
        SLUICE_DATA: estate.data,
        TRAFFIC: JSON.stringify({ url: VAULT, token }),
      },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  let out = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  await expect.poll(() => out.includes('\n'), { timeout: 20_000 }).toBe(true)
  return {
    stop: async () => {
      child.stdin?.end()
      await closed
      const lines = out.trimEnd().split('\n')
      expect(lines.filter((line) => !line.startsWith('ok '))).toEqual([])
      return new Map(lines.map((line) => line.split(' ').slice(1) as [string, string]))
    },
  }
}

/** What a server answers for these names. */
async function readAll(from: Estate, names: Iterable<string>): Promise<Map<string, unknown>> {
  const [token = ''] = await tokensOf(from, [account])
  const headers = { authorization: `Bearer ${token}` }
  const asked = [...names]
  const replies = await send(
    from,
    asked.map((name) => ({ url: `${VAULT}/secrets/${name}?api-version=7.4`, headers })),
  )
  return new Map(replies.map(({ body }, i) => [asked[i] ?? '', body.value]))
}

/** The root key and the data keys as they are now, in the forms that they might be written in. */
async function keysInUse(): Promise<string[]> {
  const passphrase = new Sealed(readFileSync(present, 'utf8').trimEnd())
  const secrets = { passphrase: async () => passphrase }
  const { first } = await RootKeyring.open({ dataDirectory: estate.data, secrets })
  const database = new DatabaseSync(path.join(estate.data, 'sluice.db'), { readOnly: true })
  const rows = database.prepare('select id, scope, wrapped from data_key').all() as unknown as {
    id: string
    scope: string
    wrapped: Uint8Array
  }[]
  database.close()
  const keys = [first.material?.export() ?? Buffer.alloc(0)]
  for (const { id, scope, wrapped } of rows)
    keys.push(Buffer.from(await first.unwrap(dataKeyPlace(scope, id), wrapped)))
  expect(keys.every((key) => key.length === 32)).toBe(true)
  return keys.flatMap((key) => [
    key.toString('latin1'),
    key.toString('base64').slice(0, 42),
    key.toString('hex'),
  ])
}

test('the root key and the data keys change while a writer and a reader go on', async () => {
  const running = await startTraffic()
  const first = await json(['root-key', 'show'])
  for (const key of await keysInUse()) canaries.add(key)
  const next = passphraseFile()
  const changed = await json(['root-key', 'rotate'], { SLUICE_NEW_PASSPHRASE_FILE: next })
  present = next
  expect(changed).toMatchObject({ provider: 'passphrase', dataKeys: expect.any(Number) })
  expect(changed['id']).not.toBe(first['id'])
  for (const key of await keysInUse()) canaries.add(key)
  const resealed = await json(['root-key', 'rotate-data-keys'])
  expect(resealed).toMatchObject({ damaged: 0, dropped: 0 })
  expect(resealed['values']).toBeGreaterThan(10)
  for (const key of await keysInUse()) canaries.add(key)
  const again = passphraseFile()
  await json(['root-key', 'rotate'], { SLUICE_NEW_PASSPHRASE_FILE: again })
  present = again
  for (const key of await keysInUse()) canaries.add(key)
  // A vault whose data key the server makes under a root key that it was handed.
  await makeVault(estate, 'kv-later')
  await allow(estate, 'kv-later', account, 'all')
  const acknowledged = await running.stop()
  expect(acknowledged.size).toBeGreaterThan(10)
  expect(await readAll(estate, acknowledged.keys())).toEqual(acknowledged)
}, 120_000)

test('a change that is killed at any moment leaves a directory that opens, with servers or without', async () => {
  const running = await startTraffic()
  for (let round = 0; round < 4; round += 1) {
    const next = passphraseFile()
    const started = estate.start(['root-key', 'rotate'], {
      env: { SLUICE_PASSPHRASE_FILE: present, SLUICE_NEW_PASSPHRASE_FILE: next },
    })
    setTimeout(() => started.child.kill('SIGKILL'), 400 + Math.random() * 1_200)
    await started.ended
    // One of the two opens; a change that is whole makes a third one.
    const third = passphraseFile()
    const env = { SLUICE_NEW_PASSPHRASE_FILE: third }
    const tries = [
      await say(['root-key', 'rotate'], env),
      await say(['root-key', 'rotate'], { ...env, SLUICE_PASSPHRASE_FILE: next }),
    ]
    expect(tries.map(({ code }) => code).sort()).toEqual([0, 1])
    present = third
  }
  const started = estate.start(['root-key', 'rotate-data-keys'], {
    env: { SLUICE_PASSPHRASE_FILE: present },
  })
  setTimeout(() => started.child.kill('SIGKILL'), 6_000 + Math.random() * 1_000)
  await started.ended
  expect(await json(['root-key', 'rotate-data-keys'])).toMatchObject({ damaged: 0 })
  const acknowledged = await running.stop()
  expect(await readAll(estate, acknowledged.keys())).toEqual(acknowledged)
}, 180_000)

test('a backup made while writing restores elsewhere with its passphrase alone', async () => {
  const running = await startTraffic()
  const file = path.join(estate.home, 'sluice.backup')
  const passphrase = passphraseFile()
  const env = { SLUICE_BACKUP_PASSPHRASE_FILE: passphrase }
  await json(['backup', 'create', '--file', file], env)
  const acknowledged = await running.stop()
  expect(await json(['backup', 'verify', '--file', file], env)).toMatchObject({ file })
  const given = { env: { ...env, SLUICE_DATA: restored.data } }
  said.push(await restored.sluice(['backup', 'restore', '--file', file], given))
  await restored.up()
  const found = await readAll(restored, acknowledged.keys())
  // The value at the moment of the backup: one of those that were written, of the same name.
  for (const [name, value] of found) {
    if (value === undefined) continue
    expect(String(value)).toMatch(new RegExp(`^value-${name.slice(1, 2)}-\\d+$`))
  }
  expect([...found.values()].filter((value) => value !== undefined).length).toBeGreaterThan(10)
  expect(await restored.json(['audit', 'verify'])).toMatchObject({ ok: true })
  // A token of the first server is one of the second: they are the same identity.
  const [token = ''] = await tokensOf(estate, [account])
  const name = [...found.keys()][0]
  const [reply] = await send(restored, [
    {
      url: `${VAULT}/secrets/${name}?api-version=7.4`,
      headers: { authorization: `Bearer ${token}` },
    },
  ])
  expect(reply?.status).toBe(200)
}, 120_000)

test('a wrong passphrase is one clear error, and nothing of the directory is touched', async () => {
  await say(['down'])
  // The process ends a little after its word.
  await expect.poll(() => globSync('*-wal', { cwd: estate.data }), { timeout: 10_000 }).toEqual([])
  const state = () =>
    globSync('**', { cwd: estate.data }).map((name) => {
      const file = path.join(estate.data, name)
      const { mtimeMs, mode } = statSync(file)
      const bytes = statSync(file).isFile() ? readFileSync(file) : Buffer.alloc(0)
      return { name, mtimeMs, mode, hash: createHash('sha256').update(bytes).digest('hex') }
    })
  const before = state()
  const wrong = passphraseFile()
  for (const args of [
    ['up', '--port', '0', '--proxy-port', '0'],
    ['root-key', 'rotate'],
    ['keyvault', 'list'],
  ]) {
    const { code, stderr } = await say(args, { SLUICE_PASSPHRASE_FILE: wrong })
    expect([code, stderr]).toEqual([
      1,
      `ERROR: The passphrase does not fit the data directory ${estate.data}. Nothing was changed.\n`,
    ])
  }
  expect(state()).toEqual(before)
}, 60_000)

test('a person types the passphrase, and it is not shown', async () => {
  await say(['down'])
  const passphrase = readFileSync(present, 'utf8').trimEnd()
  const shown = await estate.inTerminal(['keyvault', 'list', '--query', 'length(@)'], {
    answers: [passphrase],
  })
  said.push(shown)
  expect(shown.stdout).toContain('Passphrase of the data directory: ')
  expect(shown.stdout).toMatch(/\n\d\s*$/)
  expect(shown.code).toBe(0)
  // A server in the background is given it over a pipe.
  const up = ['up', '--port', '0', '--proxy-port', '0', '--detach', '--query', 'state']
  const started = await estate.inTerminal(up, { answers: [passphrase] })
  said.push(started)
  expect(started.stdout).toContain('running')
  await say(['down'])
  const wrong = await estate.inTerminal(up, { answers: ['not the passphrase'] })
  expect(wrong.stdout).toContain('ERROR: The passphrase does not fit')
  const ended = await estate.inTerminal(['keyvault', 'list'], {
    interruptAfter: 'Passphrase of the data directory: ',
  })
  expect([ended.code, ended.stdout]).toEqual([1, expect.stringContaining('Nothing was changed.')])
}, 60_000)

test('no passphrase, root key or data key is in a file, an output or an argument list', () => {
  expect(canaries.size).toBeGreaterThan(20)
  expect([...seenArguments]).toEqual([])
  const found = (text: string) => [...canaries].filter((canary) => text.includes(canary))
  for (const { stdout, stderr } of said) expect(found(stdout + stderr)).toEqual([])
  const files = globSync('**', { cwd: estate.home }).filter(
    (name) => !name.startsWith('passphrase-') && statSync(path.join(estate.home, name)).isFile(),
  )
  expect(files).toEqual(
    expect.arrayContaining(['data/sluice.db', 'data/root-key.json', 'sluice.backup']),
  )
  for (const name of files) {
    expect([name, found(readFileSync(path.join(estate.home, name), 'latin1'))]).toEqual([name, []])
  }
})

test('a root key file that is changed and killed several dozen times opens every time', async () => {
  const name = ['--vault-name', 'kv-file', '--name', 'a']
  await other.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await makeVault(other, 'kv-file')
  await other.json(['keyvault', 'secret', 'set', ...name], { stdin: 'the value' })
  const read = async () => {
    const { stdout, stderr } = await other.sluice([
      'keyvault',
      'secret',
      'show',
      ...name,
      '-o',
      'tsv',
      '--query',
      'value',
    ])
    return stdout.trim() || stderr
  }
  for (let round = 0; round < 24; round += 1) {
    const started = other.start(['root-key', 'rotate'])
    setTimeout(() => started.child.kill('SIGKILL'), 120 + Math.random() * 500)
    await started.ended
    expect([round, await read()]).toEqual([round, 'the value'])
  }
  expect(readFileSync(path.join(other.data, 'root.key'), 'utf8')).toMatch(/^[^\n]{44}\n$/)
}, 180_000)
