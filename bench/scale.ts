import { cpSync } from 'node:fs'
import path from 'node:path'
import { type Figure, median } from './figure.ts'
import type { LoadPlan, LoadReport } from './load.ts'
import type { SluicePeer } from './peer-sluice.ts'
import { type Peer, runLoad, scratch, startPeer } from './processes.ts'
import { readyMs } from './start.ts'

const FEW = 10_000

/** What a vault of very many secrets costs beside one of 10,000: reads, lists, start and memory. */
export async function measureScale(quick: boolean): Promise<readonly Figure[]> {
  const many = quick ? 50_000 : 1_000_000
  const folder = scratch()
  const [small, large] = [path.join(folder, 'few'), path.join(folder, 'many')]
  await fill(small, { from: 0, to: FEW }, folder)
  cpSync(small, large, { recursive: true })
  await fill(large, { from: FEW, to: many }, folder)
  const few = await startPeer<SluicePeer>('peer-sluice.ts', [small])
  const lots = await startPeer<SluicePeer>('peer-sluice.ts', [large])
  const times = { durationMs: quick ? 1500 : 4000, warmUpMs: 500 }
  const rounds: Round[] = []
  await readAll(few, { ...times, below: FEW }, folder)
  await readAll(lots, { ...times, below: many }, folder)
  for (let i = 0; i < 3; i += 1) {
    rounds.push({
      few: await readAll(few, { ...times, below: FEW }, folder),
      same: await readAll(lots, { ...times, below: FEW }, folder),
      lots: await readAll(lots, { ...times, below: many }, folder),
      page: await readPage(few, times, folder),
      lotsPage: await readPage(lots, times, folder),
    })
  }
  const memory = [await few.residentMb(), await lots.residentMb()] as const
  await Promise.all([few.stop(), lots.stop()])
  const starts = { few: await startOf(small), lots: await startOf(large) }
  return figures({ many, rounds, memory, starts })
}

interface Round {
  readonly few: LoadReport
  /** As many as `few`, in the vault of very many. */
  readonly same: LoadReport
  /** Any of very many: most are read from the file. */
  readonly lots: LoadReport
  readonly page: LoadReport
  readonly lotsPage: LoadReport
}

function figures({
  many,
  rounds,
  memory,
  starts,
}: {
  readonly many: number
  readonly rounds: readonly Round[]
  readonly memory: readonly [number, number]
  readonly starts: { readonly few: number; readonly lots: number }
}): Figure[] {
  const of = (pick: (round: Round) => number) => median(rounds.map(pick))
  const words = many.toLocaleString('en')
  return [
    {
      name: `read of 10,000 secrets in a vault of ${words}, p50 against a vault of those alone`,
      value: of(({ same, few }) => same.p50Ms / few.p50Ms),
      unit: 'x',
      bar: { atMost: 1.25 },
      beside: { '/s': of(({ same }) => same.perSecond), alone: of(({ few }) => few.perSecond) },
    },
    {
      name: `read of any of ${words} secrets, p50 against any of ${FEW.toLocaleString('en')}`,
      value: of(({ few, lots }) => lots.p50Ms / few.p50Ms),
      unit: 'x',
      beside: {
        'p50 ms': of(({ lots }) => lots.p50Ms),
        'p99 ms': of(({ lots }) => lots.p99Ms),
        '/s': of(({ lots }) => lots.perSecond),
        '10,000: /s': of(({ few }) => few.perSecond),
      },
    },
    {
      name: `list page of 25 from ${FEW.toLocaleString('en')} secrets`,
      value: of(({ page }) => page.perSecond),
      unit: '/s',
      beside: {
        'p50 ms': of(({ page }) => page.p50Ms),
        'p99 ms': of(({ page }) => page.p99Ms),
        [`from ${words}: /s`]: of(({ lotsPage }) => lotsPage.perSecond),
      },
    },
    {
      name: `server ready with ${words} secrets`,
      value: starts.lots,
      unit: 'ms',
      bar: { atMost: 1000 },
      beside: { '10,000: ms': starts.few },
    },
    {
      name: `memory after the same reads, ${words} secrets beside 10,000`,
      value: memory[1] - memory[0],
      unit: 'MB',
      // The cache of sealed rows holds 64 MiB at most, and V8 lets garbage of about as much stand.
      bar: { atMost: 250 },
      beside: { '10,000: MB': memory[0] },
    },
  ]
}

/** Writes the secrets `s{from}` to `s{to - 1}` over the wire. */
async function fill(
  data: string,
  range: { readonly from: number; readonly to: number },
  folder: string,
): Promise<void> {
  const peer = await startPeer<SluicePeer>('peer-sluice.ts', [data])
  let next = range.from
  while (next < range.to) {
    const written = await runLoad(
      {
        ...planOf(peer.ready, 'PUT /secrets/s{n}', 'Content-Type: application/json'),
        body: `{"value":"${'v'.repeat(64)}-{n}"}`,
        first: next,
        durationMs: Math.min(5000, Math.max(300, (range.to - next) / 15)),
        warmUpMs: 0,
      },
      folder,
    )
    if (written.failures > 0) throw new Error(`${written.failures} writes failed.`)
    next = written.next
  }
  await peer.stop()
}

function readAll(
  peer: Peer<SluicePeer>,
  asked: Pick<LoadPlan, 'durationMs' | 'warmUpMs'> & { readonly below: number },
  folder: string,
): Promise<LoadReport> {
  return sound(runLoad({ ...planOf(peer.ready, 'GET /secrets/s{r}'), ...asked }, folder))
}

function readPage(
  peer: Peer<SluicePeer>,
  times: Pick<LoadPlan, 'durationMs' | 'warmUpMs'>,
  folder: string,
): Promise<LoadReport> {
  return sound(runLoad({ ...planOf(peer.ready, 'GET /secrets'), ...times }, folder))
}

async function sound(report: Promise<LoadReport>): Promise<LoadReport> {
  const { failures } = await report
  if (failures > 0) throw new Error(`${failures} requests failed.`)
  return report
}

function planOf({ port, ca, host, token }: SluicePeer, what: string, ...more: string[]) {
  const head = [
    `${what}?api-version=7.4 HTTP/1.1`,
    `Host: ${host}`,
    `Authorization: Bearer ${token}`,
    ...more,
  ].join('\r\n')
  return { port, ca, host, head, clients: 64 }
}

async function startOf(data: string): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < 5; i += 1) times.push(await readyMs(data))
  return median(times)
}
