import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Account, allow, makeAccount, makeVault, send, tokensOf } from './content.ts'
import { Estate } from './harness.ts'

const estate = new Estate()
const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')
const writer = path.join(import.meta.dirname, 'clients/writer.mjs')
const VAULT = 'https://kv-crash.vault.azure.net'
let running: Record<string, unknown> = {}
let account: Account

beforeAll(async () => {
  running = await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  account = await makeAccount(estate, 'writer')
  await makeVault(estate, 'kv-crash')
  await allow(estate, 'kv-crash', account, 'all')
}, 60_000)

afterAll(() => estate.remove())

/** Kills the server when `killAfter` writes have been acknowledged; gives the acknowledged ones. */
async function writeUntilKilled(token: string, killAfter: number): Promise<Map<string, string>> {
  const child = spawn(process.execPath, [launcher, 'exec', '--', process.execPath, writer], {
    env: { ...process.env, SLUICE_DATA: estate.data },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const closed = new Promise((resolve) => child.once('close', resolve))
  child.stdin.end(JSON.stringify({ url: VAULT, token, count: 300 }))
  const acknowledged = new Map<string, string>()
  let count = 0
  for await (const line of createInterface({ input: child.stdout })) {
    const [name = '', state = ''] = line.split(' ')
    acknowledged.set(name, state)
    count += 1
    if (count === killAfter) process.kill(Number(running['pid']), 'SIGKILL')
  }
  await closed
  return acknowledged
}

test('a server killed among 300 writes loses none that it acknowledged, and starts again on its ports', async () => {
  const [token = ''] = await tokensOf(estate, [account])
  const acknowledged = await writeUntilKilled(token, 120)
  expect(acknowledged.size).toBeGreaterThan(0)
  const port = new URL(String(running['url'])).port
  const proxyPort = new URL(String(running['proxy'])).port
  await estate.json(['up', '--port', port, '--proxy-port', proxyPort, '--detach'])

  const names = Array.from({ length: 300 }, (_, i) => `s${i}`)
  const read = (folder: string) =>
    send(
      estate,
      names.map((name) => ({
        url: `${VAULT}/${folder}/${name}?api-version=7.4`,
        headers: { authorization: `Bearer ${token}` },
      })),
    )
  const [live, deleted] = await Promise.all([read('secrets'), read('deletedsecrets')])
  const wrong = names.filter((name, i) => {
    const [now, gone] = [live[i], deleted[i]]
    const value = now?.status === 200 ? String(now.body.value) : undefined
    const isWhole =
      value === undefined || /^(first|second)-(s\d+)-x{500}$/.exec(value)?.[2] === name
    if (!isWhole || (value !== undefined && gone?.status === 200)) return true
    switch (acknowledged.get(name)) {
      case 'deleted':
        return gone?.status !== 200
      case 'second':
        return gone?.status !== 200 && !value?.startsWith('second')
      case 'first':
        return gone?.status !== 200 && value === undefined
      default:
        return false
    }
  })
  expect(wrong).toEqual([])
  expect(live.filter(({ status }) => status !== 200 && status !== 404)).toEqual([])
  expect(await estate.json(['audit', 'verify'])).toMatchObject({ ok: true })
  await expectEventOfEachVersion(
    token,
    names.filter((_, i) => live[i]?.status === 200),
  )
}, 60_000)

/** An event is there for each version that is, and for no other: they are one write. */
async function expectEventOfEachVersion(token: string, names: readonly string[]): Promise<void> {
  const asked = names.map((name) => ({
    url: `${VAULT}/secrets/${name}/versions?api-version=7.4`,
    headers: { authorization: `Bearer ${token}` },
  }))
  const there = (await send(estate, asked)).flatMap(({ body }) =>
    (body.value as { id: string }[]).map(({ id }) => id),
  )
  const listed = await estate.json(['events', 'list', '--vault-name', 'kv-crash', '--top', '1000'])
  const told = (listed as unknown as { subject: string; data: { Id: string } }[])
    .filter(({ subject }) => names.includes(subject))
    .map(({ data }) => data.Id)
  expect(told.sort()).toEqual(there.sort())
}
