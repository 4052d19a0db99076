import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { LoadPlan, LoadReport } from './load.ts'

const here = import.meta.dirname

/** A folder that is removed when the process ends. */
export function scratch(): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Runs the load generator in its own process. */
export async function runLoad(plan: LoadPlan, folder: string): Promise<LoadReport> {
  const file = path.join(folder, `plan-${process.hrtime.bigint()}.json`)
  writeFileSync(file, JSON.stringify(plan), { mode: 0o600 })
  const child = spawn(process.execPath, [path.join(here, 'load.ts'), file], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(await text(child.stdout)) as LoadReport
}

export interface Peer<Ready> {
  readonly ready: Ready
  /** CPU time used so far, in microseconds. */
  cpuUs(): Promise<number>
  /** Memory held by the process, in MB. */
  residentMb(): Promise<number>
  stop(): Promise<void>
}

/**
 * Starts a script that prints one line of JSON when it is ready, answers a line `cpu` with its CPU
 * time in microseconds and `memory` with its size in MB, and ends when its stdin closes.
 */
export async function startPeer<Ready>(
  script: string,
  args: readonly string[],
): Promise<Peer<Ready>> {
  const child = spawn(process.execPath, [...flagsOf(script), path.join(here, script), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const line = await lines.next()
    if (line.done) throw new Error(`${script} ended before it was ready`)
    return line.value
  }
  const ready = JSON.parse(await next()) as Ready
  return {
    ready,
    cpuUs: async () => {
      child.stdin.write('cpu\n')
      return Number(await next())
    },
    residentMb: async () => {
      child.stdin.write('memory\n')
      return Number(await next())
    },
    stop: () => ended(child),
  }
}

/** Ours runs with what `sluice up --detach` gives the server (bin/sluice.mjs). */
function flagsOf(script: string): string[] {
  const quiet = '--disable-warning=ExperimentalWarning'
  return script === 'peer-sluice.ts' ? [quiet, '--min-semi-space-size=16'] : [quiet]
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve())
    child.stdin?.end()
  })
}

/** The other end of `startPeer`: tells `ready`, then answers until stdin closes. */
export async function serveAsPeer(ready: unknown, close: () => Promise<void>): Promise<void> {
  process.stdout.write(`${JSON.stringify(ready)}\n`)
  for await (const line of createInterface({ input: process.stdin })) {
    const used = process.cpuUsage()
    if (line === 'cpu') process.stdout.write(`${used.user + used.system}\n`)
    if (line === 'memory') process.stdout.write(`${process.memoryUsage.rss() / 1e6}\n`)
  }
  await close()
}
