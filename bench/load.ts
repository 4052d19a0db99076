import { connect, type TLSSocket } from 'node:tls'

/**
 * A load generator that costs little: raw requests over kept-alive TLS connections, one in flight
 * on each. It runs in a process of its own: `node bench/load.ts '{...}'` prints a report as JSON.
 */
export interface LoadPlan {
  readonly port: number
  readonly ca: string
  readonly host: string
  readonly clients: number
  readonly durationMs: number
  readonly warmUpMs: number
  /** The request line and headers without the blank line; `{n}` becomes a running number, `{r}` a random one. */
  readonly head: string
  /** Where `{n}` begins; 0 unless told. */
  readonly first?: number
  /** `{r}` is below this. */
  readonly below?: number
  readonly body?: string
}

export interface LoadReport {
  readonly requests: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly failures: number
  /** What `{n}` has come to. */
  readonly next: number
  /** Share of one core that the generator itself used. */
  readonly ownCpu: number
}

const HEAD_END = Buffer.from('\r\n\r\n')

async function load(plan: LoadPlan): Promise<LoadReport> {
  const samples: number[] = []
  const state = { counting: false, stopped: false, failures: 0, next: plan.first ?? 0 }
  const sockets = await Promise.all(Array.from({ length: plan.clients }, () => open(plan)))
  const done = sockets.map((socket) => drive(socket, plan, state, samples))
  stayAwake(state)
  await sleep(plan.warmUpMs)
  state.counting = true
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  await sleep(plan.durationMs)
  state.counting = false
  const elapsedMs = performance.now() - startedMs
  const used = process.cpuUsage(cpu)
  state.stopped = true
  await Promise.all(done)
  for (const socket of sockets) socket.destroy()
  samples.sort((a, b) => a - b)
  return {
    requests: samples.length,
    perSecond: (samples.length / elapsedMs) * 1000,
    p50Ms: samples[Math.floor(samples.length / 2)] ?? Number.NaN,
    p99Ms: samples[Math.floor(samples.length * 0.99)] ?? Number.NaN,
    failures: state.failures,
    next: state.next,
    ownCpu: (used.user + used.system) / 1000 / elapsedMs,
  }
}

function open(plan: LoadPlan): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect(
      { port: plan.port, host: '127.0.0.1', servername: plan.host, ca: plan.ca },
      () => {
        socket.setNoDelay(true)
        resolve(socket)
      },
    )
    socket.once('error', reject)
  })
}

function drive(
  socket: TLSSocket,
  plan: LoadPlan,
  state: { counting: boolean; stopped: boolean; failures: number; next: number },
  samples: number[],
): Promise<void> {
  return new Promise((resolve) => {
    let sentMs = 0
    let held: Buffer = Buffer.alloc(0)
    const send = (): void => {
      sentMs = performance.now()
      socket.write(toRequest(plan, state.next++))
    }
    socket.on('data', (chunk: Buffer) => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      const size = replySize(held)
      if (size === undefined || held.length < size) return
      if (held[9] !== 0x32) state.failures += 1
      held = Buffer.alloc(0)
      if (state.counting) samples.push(performance.now() - sentMs)
      if (state.stopped) resolve()
      else send()
    })
    socket.once('close', () => resolve())
    send()
  })
}

function toRequest(plan: LoadPlan, n: number): string {
  const random = Math.floor(Math.random() * (plan.below ?? 1))
  const head = plan.head.replace('{n}', String(n)).replace('{r}', String(random))
  if (plan.body === undefined) return `${head}\r\n\r\n`
  const body = plan.body.replace('{n}', String(n))
  return `${head}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

function replySize(held: Buffer): number | undefined {
  const end = held.indexOf(HEAD_END)
  if (end < 0) return undefined
  const length = /content-length: (\d+)/i.exec(held.toString('latin1', 0, end))?.[1]
  return length === undefined ? undefined : end + 4 + Number(length)
}

/**
 * Keeps this process from sleeping in the kernel. Otherwise every reply of a slower server pays for
 * waking it (about 20 us on a small virtual machine), which a faster server that keeps it busy does not.
 */
function stayAwake(state: { readonly stopped: boolean }): void {
  setImmediate(() => {
    if (!state.stopped) stayAwake(state)
  })
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

const [plan] = process.argv.slice(2)
if (plan) {
  const { readFileSync } = await import('node:fs')
  process.stdout.write(
    `${JSON.stringify(await load(JSON.parse(readFileSync(plan, 'utf8')) as LoadPlan))}\n`,
  )
}
