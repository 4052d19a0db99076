import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Realism } from '../server/index.ts'

/** What a running server tells about itself in `server.json`. */
export interface RunningServer {
  readonly pid: number
  readonly port: number
  readonly proxyPort: number
  readonly startedAtMs: number
  readonly version: string
  /** Absent: nothing of Azure's slowness is shown. */
  readonly realism?: Realism
}

/** The server that runs on a data directory; undefined when there is none (a stale file counts as none). */
export function findRunningServer(data: string): RunningServer | undefined {
  let text: string
  try {
    text = readFileSync(path.join(data, 'server.json'), 'utf8')
  } catch {
    return undefined
  }
  try {
    const running = JSON.parse(text) as RunningServer
    return isAlive(running.pid) ? running : undefined
  } catch {
    return undefined
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !isZombie(pid)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Linux keeps a process that has ended until its parent asks; in a container nobody may ask. */
function isZombie(pid: number): boolean {
  try {
    return /\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
