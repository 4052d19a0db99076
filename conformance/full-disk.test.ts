import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Account,
  allow,
  makeAccount,
  makeVault,
  type Reply,
  send,
  sendOne,
  tokensOf,
} from './content.ts'
import { Estate, type Outcome, runProgram } from './harness.ts'
import { tryProgram } from './made-once.ts'

const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
const VAULT = 'https://kv-full.vault.azure.net'
const disk = mkdtempSync(path.join(os.tmpdir(), 'sluice-disk-'))
let holder: ChildProcess | undefined
let estate: Estate | undefined
let account: Account
let missing: string | undefined

/** A disk of 24 MB that only the server's namespace sees; we reach it through /proc. */
beforeAll(async () => {
  if (!(await tryProgram('unshare', ['--user', '--map-root-user', '--mount', 'true']))) {
    missing = 'unshare --user --mount is not allowed here, so there is no small disk'
    return
  }
  const hold = `mount -t tmpfs -o size=24m tmpfs '${disk}' && echo mounted && exec sleep 600`
  const spaces = ['--user', '--map-root-user', '--mount', 'sh', '-c', hold]
  const held = spawn('unshare', spaces, { stdio: ['ignore', 'pipe', 'inherit'] })
  holder = held
  await new Promise((resolve, reject) => {
    held.stdout.once('data', resolve)
    held.once('close', () => reject(new Error('no disk could be mounted')))
  })
  estate = new Estate(`/proc/${held.pid}/root${disk}/data`)
  await up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  account = await makeAccount(estate, 'full')
  await makeVault(estate, 'kv-full')
  await allow(estate, 'kv-full', account, 'all', 'purge')
}, 60_000)

afterAll(async () => {
  await estate?.remove()
  holder?.kill('SIGKILL')
  rmSync(disk, { recursive: true, force: true })
})

/** Runs Node where the small disk is. */
function inside(...args: string[]): Promise<Outcome> {
  const enter = ['--preserve-credentials', '--user', '--mount', '--target', String(holder?.pid)]
  return runProgram('nsenter', [...enter, process.execPath, ...args])
}

async function up(): Promise<void> {
  const ports = ['--port', '0', '--proxy-port', '0']
  const outcome = await inside(launcher, 'up', ...ports, '--detach', '--data', `${disk}/data`)
  expect(outcome).toMatchObject({ code: 0 })
}

/** Takes every byte that is left. */
function fill(file: string): void {
  const handle = openSync(file, 'w')
  try {
    for (let size = 1 << 20; size >= 1; ) {
      try {
        writeSync(handle, Buffer.alloc(size))
      } catch {
        size >>= 1
      }
    }
  } finally {
    closeSync(handle)
  }
}

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
const contentOf = (name: string) => `${name} ${'x'.repeat(4000)}`

test('a full disk: writes are refused, nothing is lost or torn, and all goes on when space returns', async (context) => {
  if (!estate) return context.skip(missing)
  const here = estate
  const [token = ''] = await tokensOf(here, [account])
  const headers = { authorization: `Bearer ${token}` }
  const url = (name: string) => `${VAULT}/secrets/${name}?api-version=7.4`
  const set = (list: readonly string[]) =>
    send(
      here,
      list.map((name) => ({
        url: url(name),
        method: 'PUT',
        headers,
        body: { value: contentOf(name) },
      })),
    )
  const get = (list: readonly string[]) =>
    send(
      here,
      list.map((name) => ({ url: url(name), headers })),
    )
  const expectValues = (list: readonly string[], replies: readonly Reply[]) =>
    expect(replies.map(({ status, body }) => (status === 200 ? body.value : status))).toEqual(
      list.map(contentOf),
    )
  const before = names('before', 100)
  expect((await set(before)).map(({ status }) => status)).toEqual(before.map(() => 200))

  const filler = path.join(path.dirname(here.data), 'filler')
  fill(filler)
  const tried = names('during', 400)
  const during = await set(tried)
  const refused = during.filter(({ status }) => status !== 200)
  expect(refused.length).toBeGreaterThan(0)
  for (const { status, body } of refused) {
    expect({ status, error: body.error }).toEqual({
      status: 503,
      error: {
        code: 'ServiceUnavailable',
        message: 'The disk of the data directory is full. Nothing was changed.',
      },
    })
  }
  const taken = tried.filter((_, i) => during[i]?.status === 200)
  expectValues(before, await get(before))

  rmSync(filler)
  const after = names('after', 50)
  expect((await set(after)).map(({ status }) => status)).toEqual(after.map(() => 200))
  const all = [...before, ...taken, ...after]
  expectValues(all, await get(all))
  const lost = tried.filter((name) => !taken.includes(name))
  const found = await get(lost)
  // What was refused may be there, then whole, or not at all.
  expect(
    found.filter(({ status, body }, i) => status === 200 && body.value !== contentOf(`${lost[i]}`)),
  ).toEqual([])

  await here.json(['down'])
  const check = `import('node:sqlite').then(({ DatabaseSync }) =>
    console.log(new DatabaseSync(process.argv[1]).prepare('pragma integrity_check').get()))`
  expect((await inside('-e', check, `${disk}/data/sluice.db`)).stdout).toContain("'ok'")
  await up()
  expectValues(all, await get(all))
  expect(await here.json(['audit', 'verify'])).toMatchObject({ ok: true })
  expect((await sendOne(here, { url: url('none'), headers })).status).toBe(404)
}, 120_000)
