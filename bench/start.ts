import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type Figure, median, quantile } from './figure.ts'
import { scratch } from './processes.ts'

const launcher = path.resolve(import.meta.dirname, '../bin/sluice.mjs')

/** How long a warm server takes to be ready, and a run of one step to be over. */
export async function measureStart(quick: boolean): Promise<readonly Figure[]> {
  const folder = scratch()
  const times = quick ? 7 : 15
  const data = path.join(folder, 'data')
  const app = path.join(folder, 'app')
  mkdirSync(app)
  writeFileSync(path.join(app, 'azure-pipelines.yml'), 'steps:\n  - script: "true"\n')
  await readyMs(data)
  await runMs(app, data)
  const samples: Record<'node' | 'ready' | 'bash' | 'run', number[]> = {
    node: [],
    ready: [],
    bash: [],
    run: [],
  }
  for (let i = 0; i < times; i += 1) {
    samples.node.push(await endMs(process.execPath, ['-e', '0'], folder))
    samples.ready.push(await readyMs(data))
    samples.bash.push(await endMs('bash', ['-c', 'true'], folder))
    samples.run.push(await runMs(app, data))
  }
  return [
    {
      name: 'server ready, warm',
      value: median(samples.ready),
      unit: 'ms',
      bar: { atMost: 200 },
      beside: { 'p99 ms': quantile(samples.ready, 0.99), 'node -e 0 ms': median(samples.node) },
    },
    {
      name: 'sluice run of one step, wall',
      value: median(samples.run),
      unit: 'ms',
      bar: { atMost: 400 },
      beside: { 'p99 ms': quantile(samples.run, 0.99), 'bash -c true ms': median(samples.bash) },
    },
  ]
}

/** From the start of the command to its line that says it is ready; then it is stopped. */
export async function readyMs(data: string): Promise<number> {
  const startedMs = performance.now()
  const child = spawn(
    process.execPath,
    [launcher, 'up', '--data', data, '--port', '0', '--proxy-port', '0'],
    {
      stdio: ['ignore', 'ignore', 'pipe'],
    },
  )
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.startsWith('Ready')) continue
    const elapsedMs = performance.now() - startedMs
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    await ended
    return elapsedMs
  }
  throw new Error('The server did not become ready.')
}

function runMs(app: string, data: string): Promise<number> {
  return endMs(process.execPath, [launcher, 'run', '--data', data], app)
}

function endMs(program: string, args: readonly string[], cwd: string): Promise<number> {
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: 'ignore' })
    child.once('exit', (code) => {
      if (code === 0) resolve(performance.now() - startedMs)
      else reject(new Error(`${program} ${args.join(' ')} ended with ${code}.`))
    })
  })
}
