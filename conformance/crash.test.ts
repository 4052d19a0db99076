import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Account,
  allow,
  makeAccount,
  makeVault,
  type Reply,
  send,
  tokensOf,
} from './content.ts'
import { Estate, runProgram } from './harness.ts'

const estate = new Estate()
const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
const writer = path.join(import.meta.dirname, 'clients/writer.mjs')
const VAULT = 'https://kv-crash.vault.azure.net'
/** 600 objects: 300 of them get a second version, 100 are deleted. */
const OBJECTS = 600
const KINDS = ['secrets', 'secrets', 'keys', 'secrets', 'certificates']
let running: Record<string, unknown> = {}
let account: Account
let pem = ''

beforeAll(async () => {
  running = await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  account = await makeAccount(estate, 'writer')
  await makeVault(estate, 'kv-crash')
  await allow(estate, 'kv-crash', account, 'all')
  const policy = ['keyvault', 'set-policy', '-n', 'kv-crash', '--spn', account.appId]
  await estate.json([...policy, '--key-permissions', 'all'])
  await estate.json([...policy, '--certificate-permissions', 'all'])
  const [key, cer] = [path.join(estate.home, 'k.pem'), path.join(estate.home, 'c.pem')]
  const self = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await runProgram('openssl', [...self, '-keyout', key, '-out', cer, '-subj', '/CN=crash.test'])
  pem = readFileSync(key, 'utf8') + readFileSync(cer, 'utf8')
}, 60_000)

afterAll(() => estate.remove())

interface Acknowledged {
  state: string
  readonly versions: string[]
}

/** Kills the server when `killAfter` writes have been acknowledged; gives the acknowledged ones. */
async function writeUntilKilled(
  token: string,
  prefix: string,
  killAfter: number,
): Promise<Map<string, Acknowledged>> {
  const child = spawn(process.execPath, [launcher, 'exec', '--', process.execPath, writer], {
    env: { ...process.env, SLUICE_DATA: estate.data },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  child.stdin.end(JSON.stringify({ url: VAULT, token, count: OBJECTS, prefix, pem }))
  const acknowledged = new Map<string, Acknowledged>()
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [object = '', state = '', version = ''] = line.split(' ')
    const before = acknowledged.get(object) ?? { state, versions: [] }
    if (state !== 'deleted') before.versions.push(version)
    acknowledged.set(object, { ...before, state })
    count += 1
    if (count === killAfter) process.kill(Number(running['pid']), 'SIGKILL')
  }
  await closed
  return acknowledged
}

async function restart(): Promise<void> {
  const port = new URL(String(running['url'])).port
  const proxyPort = new URL(String(running['proxy'])).port
  running = await estate.json(['up', '--port', port, '--proxy-port', proxyPort, '--detach'])
}

function readAll(token: string, paths: readonly string[]): Promise<Reply[]> {
  const headers = { authorization: `Bearer ${token}` }
  return send(
    estate,
    paths.map((at) => ({ url: `${VAULT}/${at}?api-version=7.4`, headers })),
  )
}

const isThere = (reply: Reply | undefined) => reply?.status === 200

/** A value that was torn would not open; what opens must be what was written. */
function isWhole(object: string, { body }: Reply): boolean {
  const [kind, name] = object.split('/')
  if (kind === 'secrets') {
    return /^(first|second)-(.+)-x{500}$/.exec(String(body.value))?.[2] === name
  }
  if (kind === 'keys') return String(body.key.x).length === 43
  return Buffer.from(body.cer, 'base64').length > 100
}

test.each([
  { killAfter: 150, prefix: 'early' },
  { killAfter: 700, prefix: 'late' },
])(
  'a server killed after $killAfter of 1,000 mixed writes loses none that it acknowledged, and starts again on its ports',
  async ({ killAfter, prefix }) => {
    const [token = ''] = await tokensOf(estate, [account])
    const acknowledged = await writeUntilKilled(token, prefix, killAfter)
    expect(acknowledged.size).toBeGreaterThan(0)
    await restart()

    const objects = Array.from({ length: OBJECTS }, (_, i) => `${KINDS[i % 5]}/${prefix}-${i}`)
    const [live, deleted] = await Promise.all([
      readAll(token, objects),
      readAll(
        token,
        objects.map((object) => `deleted${object}`),
      ),
    ])
    const wrong = objects.filter((object, i) => {
      const [now, gone] = [live[i], deleted[i]]
      if (isThere(now) && isThere(gone)) return true
      if (now && isThere(now) && !isWhole(object, now)) return true
      const known = acknowledged.get(object)
      if (known === undefined) return false
      return known.state === 'deleted' ? !isThere(gone) : !isThere(now) && !isThere(gone)
    })
    expect(wrong).toEqual([])
    expect(live.filter(({ status }) => status !== 200 && status !== 404)).toEqual([])

    // Every acknowledged version of what lives is there, of a certificate all three parts.
    const versions = objects.flatMap((object, i) => {
      if (!isThere(live[i])) return []
      const known = acknowledged.get(object)?.versions ?? []
      const [kind, name] = object.split('/')
      const kinds = kind === 'certificates' ? ['certificates', 'keys', 'secrets'] : [kind]
      return known.flatMap((version) => kinds.map((one) => `${one}/${name}/${version}`))
    })
    const replies = await readAll(token, versions)
    expect(versions.filter((_, i) => !isThere(replies[i]))).toEqual([])
    expect(versions.length).toBeGreaterThan(killAfter / 2)
    expect(await estate.json(['audit', 'verify'])).toMatchObject({ ok: true })
  },
  120_000,
)
