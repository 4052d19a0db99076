import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import type { AgentTiming } from '../settings.ts'
import { type JoinedPipe, openJoinedPipe } from './joined-pipe.ts'
import { signalGroup } from './process-tree.ts'

export interface ProcessRequest {
  /** Absolute path of an executable. */
  readonly program: string
  /** Visible to everybody on the machine: never a secret. */
  readonly args: readonly string[]
  readonly cwd: string
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  /** Aborting it ends the process group: SIGINT, then SIGTERM, then SIGKILL. */
  readonly signal: AbortSignal
  /** Aborting it ends the process group at once. */
  readonly killSignal: AbortSignal
  readonly timing: AgentTiming
  /** Private to this job; the name of a pipe is in it for a moment. */
  readonly pipeFolder: string
  /** A promise holds the pipe back until it is done. */
  onOutput(chunk: Buffer): Promise<void> | undefined
  /** Absent: stderr joins the output in the order written. */
  onError?(chunk: Buffer): Promise<void> | undefined
}

export interface ProcessEnd {
  /** 128 + the signal's number when a signal ended it. */
  readonly exitCode: number
  /** False when a grandchild kept the pipes open and they were cut. */
  readonly pipesClosed: boolean
}

/**
 * Runs a program in a process group of its own, without stdin. Rejects only when it cannot start.
 * Background processes of a program that ended by itself stay; those of an aborted one do not.
 */
export async function runProcess(request: ProcessRequest): Promise<ProcessEnd> {
  const joined = request.onError ? undefined : await openJoinedPipe(request.pipeFolder)
  try {
    return await runWith(request, joined)
  } finally {
    joined?.childEnd.destroy()
    joined?.parentEnd.destroy()
  }
}

async function runWith(
  request: ProcessRequest,
  joined: JoinedPipe | undefined,
): Promise<ProcessEnd> {
  const child = spawn(request.program, request.args, {
    cwd: request.cwd,
    env: { ...request.env },
    detached: process.platform !== 'win32',
    stdio: joined ? ['ignore', joined.childEnd, joined.childEnd] : ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
  })
  joined?.childEnd.destroy()
  const pipes = joined ? [joined.parentEnd] : [child.stdout, child.stderr]
  const [output, errors] = pipes
  pump(output, request.onOutput)
  pump(errors, request.onError ?? request.onOutput)
  const closed = Promise.all(pipes.map((pipe) => isClosed(pipe)))
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)),
    )
  })
  await once(child, 'spawn')
  const pid = child.pid as number
  const ending = endWithSignals(pid, request)
  const exitCode = await exited
  ending.stop()
  if (request.signal.aborted || request.killSignal.aborted) signalGroup(pid, 'SIGKILL')
  const pipesClosed = await within(closed, request.timing.pipesMs)
  if (!pipesClosed) for (const pipe of pipes) pipe?.destroy()
  return { exitCode, pipesClosed }
}

function isClosed(pipe: Readable | null | undefined): Promise<unknown> {
  return pipe && !pipe.closed
    ? new Promise((resolve) => pipe.once('close', resolve))
    : Promise.resolve()
}

function pump(
  pipe: Readable | null | undefined,
  take: (chunk: Buffer) => Promise<void> | undefined,
): void {
  if (!pipe) return
  pipe.on('data', (chunk: Buffer) => {
    const held = take(chunk)
    if (!held) return
    pipe.pause()
    held.then(
      () => pipe.resume(),
      () => pipe.resume(),
    )
  })
  // A cut pipe is the end of the output, not a failure of the step.
  pipe.on('error', () => undefined)
}

function endWithSignals(pid: number, request: ProcessRequest): { stop(): void } {
  const { signal, killSignal, timing } = request
  let timer: NodeJS.Timeout | undefined
  const interrupt = () => {
    signalGroup(pid, 'SIGINT')
    timer = setTimeout(() => {
      signalGroup(pid, 'SIGTERM')
      timer = setTimeout(() => signalGroup(pid, 'SIGKILL'), timing.terminateMs)
    }, timing.interruptMs)
  }
  const kill = () => {
    signalGroup(pid, 'SIGKILL')
  }
  if (signal.aborted) interrupt()
  else signal.addEventListener('abort', interrupt, { once: true })
  if (killSignal.aborted) kill()
  else killSignal.addEventListener('abort', kill, { once: true })
  return {
    stop() {
      clearTimeout(timer)
      signal.removeEventListener('abort', interrupt)
      killSignal.removeEventListener('abort', kill)
    },
  }
}

async function within(done: Promise<unknown>, limitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(() => resolve(false), limitMs)
  void done.then(() => resolve(true))
  const result = await promise
  clearTimeout(timer)
  return result
}
