import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { openCa } from '../src/network/index.ts'
import { type Figure, median } from './figure.ts'
import type { LoadPlan, LoadReport } from './load.ts'
import type { SluicePeer } from './peer-sluice.ts'
import { runLoad, scratch, startPeer } from './processes.ts'

const CLIENTS = 64
/** A load before the first round that is measured. */
const PRIMING = { durationMs: 2200, warmUpMs: 0 }

interface Round extends LoadReport {
  /** CPU time of the server for each request, in microseconds. */
  readonly cpuUs: number
}

/** Secret reads beside a bare handler with the same bytes; durable writes beside one commit each. */
export async function measureVault(quick: boolean): Promise<readonly Figure[]> {
  const folder = scratch()
  const rounds = quick ? 3 : 5
  const times = quick ? { durationMs: 1000, warmUpMs: 300 } : { durationMs: 5000, warmUpMs: 2000 }
  return [
    ...(await measureReads(folder, rounds, times)),
    ...(await measureWrites(folder, rounds, times)),
  ]
}

type Times = Pick<LoadPlan, 'durationMs' | 'warmUpMs'>

async function measureReads(folder: string, rounds: number, times: Times): Promise<Figure[]> {
  const ours = await startPeer<SluicePeer>('peer-sluice.ts', [path.join(folder, 'read')])
  const { ca, host, token, headers, body } = ours.ready
  const leaf = openCa(path.join(folder, 'read')).findLeaf(host)
  if (!leaf) throw new Error(`There is no certificate for ${host}.`)
  const given = path.join(folder, 'bare.json')
  writeFileSync(given, JSON.stringify({ cert: leaf.cert, key: leaf.key.open(), headers, body }), {
    mode: 0o600,
  })
  const bare = await startPeer<{ port: number }>('peer-bare.ts', [given])
  const head = [
    'GET /secrets/db?api-version=7.4 HTTP/1.1',
    `Host: ${host}`,
    `Authorization: Bearer ${token}`,
    'Accept: application/json',
  ].join('\r\n')
  const plan = { ca, host, head, clients: CLIENTS, ...times }
  const [bareRounds, ourRounds]: [Round[], Round[]] = [[], []]
  // Both are measured as they run for hours: compiled, not as they start.
  await runLoad({ ...plan, port: bare.ready.port, ...PRIMING }, folder)
  await runLoad({ ...plan, port: ours.ready.port, ...PRIMING }, folder)
  for (let i = 0; i < rounds; i += 1) {
    bareRounds.push(await round(bare, { ...plan, port: bare.ready.port }, folder))
    ourRounds.push(await round(ours, { ...plan, port: ours.ready.port }, folder))
  }
  await Promise.all([ours.stop(), bare.stop()])
  const our = summary(ourRounds)
  const theirs = summary(bareRounds)
  return [
    {
      name: 'secret read, throughput against a bare node:https handler with the same bytes',
      value: (our.perSecond / theirs.perSecond) * 100,
      unit: '%',
      bar: { atLeast: 55 },
      beside: { 'ours /s': our.perSecond, 'bare /s': theirs.perSecond, failures: our.failures },
    },
    {
      name: 'secret read, CPU time of the bare handler against ours',
      value: (theirs.cpuUs / our.cpuUs) * 100,
      unit: '%',
      beside: { 'ours us': our.cpuUs, 'bare us': theirs.cpuUs },
    },
    {
      name: 'secret read, p99 against the bare handler',
      value: our.p99Ms / theirs.p99Ms,
      unit: 'x',
      bar: { atMost: 3 },
      beside: {
        'ours p50 ms': our.p50Ms,
        'ours p99 ms': our.p99Ms,
        'bare p50 ms': theirs.p50Ms,
        'bare p99 ms': theirs.p99Ms,
      },
    },
  ]
}

async function measureWrites(folder: string, rounds: number, times: Times): Promise<Figure[]> {
  const grouped = await startPeer<SluicePeer>('peer-sluice.ts', [path.join(folder, 'grouped')])
  const single = await startPeer<SluicePeer>('peer-sluice.ts', [path.join(folder, 'single'), '1'])
  const planOf = ({ port, ca, host, token }: SluicePeer): LoadPlan => ({
    port,
    ca,
    host,
    clients: CLIENTS,
    ...times,
    head: [
      'PUT /secrets/s{n}?api-version=7.4 HTTP/1.1',
      `Host: ${host}`,
      `Authorization: Bearer ${token}`,
      'Content-Type: application/json',
    ].join('\r\n'),
    body: '{"value":"value-{n}"}',
  })
  const [groupedRounds, singleRounds]: [Round[], Round[]] = [[], []]
  await runLoad({ ...planOf(grouped.ready), ...PRIMING }, folder)
  for (let i = 0; i < rounds; i += 1) {
    groupedRounds.push(await round(grouped, planOf(grouped.ready), folder))
    singleRounds.push(await round(single, planOf(single.ready), folder))
  }
  await Promise.all([grouped.stop(), single.stop()])
  const group = summary(groupedRounds)
  const one = summary(singleRounds)
  return [
    {
      name: `durable secret write, ${CLIENTS} clients`,
      value: group.perSecond,
      unit: '/s',
      bar: { atLeast: 10_000 },
      beside: {
        'one commit each /s': one.perSecond,
        'p50 ms': group.p50Ms,
        'p99 ms': group.p99Ms,
        'server us': group.cpuUs,
        failures: group.failures + one.failures,
      },
    },
  ]
}

async function round(
  peer: { cpuUs(): Promise<number> },
  plan: LoadPlan,
  folder: string,
): Promise<Round> {
  const before = await peer.cpuUs()
  const report = await runLoad(plan, folder)
  const used = (await peer.cpuUs()) - before
  const served = report.requests * ((plan.durationMs + plan.warmUpMs) / plan.durationMs)
  return { ...report, cpuUs: used / served }
}

function summary(rounds: readonly Round[]): Round {
  const of = (pick: (round: Round) => number) => median(rounds.map(pick))
  return {
    requests: of((round) => round.requests),
    perSecond: of((round) => round.perSecond),
    p50Ms: of((round) => round.p50Ms),
    p99Ms: of((round) => round.p99Ms),
    failures: rounds.reduce((sum, { failures }) => sum + failures, 0),
    next: of((round) => round.next),
    ownCpu: of((round) => round.ownCpu),
    cpuUs: of((round) => round.cpuUs),
  }
}
