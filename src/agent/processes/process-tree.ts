import { readdir, readFile } from 'node:fs/promises'

/** The variable that marks every process of a job, so that none outlives it (facts §5.4). */
export const TRACKING_VARIABLE = 'VSTS_PROCESS_LOOKUP_ID'

export interface OrphanProcess {
  readonly pid: number
  readonly name: string
}

/**
 * Signals a whole process group. False when nothing of it is left. `leaderPid` is the process that
 * was started `detached`; its group has the same number.
 */
export function signalGroup(leaderPid: number, signal: NodeJS.Signals): boolean {
  return signalProcess(process.platform === 'win32' ? leaderPid : -leaderPid, signal)
}

/** Signals one process; false when it is gone or not ours. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal)
  } catch {
    return false
  }
}

/** Whether a process has this number now, whoever owns it. */
export function isProcessAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

export interface OrphanLook {
  readonly orphans: readonly OrphanProcess[]
  /** False when a process ended or changed its program during the look, and so may have hidden one. */
  readonly isCertain: boolean
}

/**
 * Processes of this machine whose environment carries the job's tracking value. Reads Linux's /proc;
 * elsewhere the answer is empty.
 */
export async function findOrphans(trackingValue: string): Promise<OrphanLook> {
  const mark = Buffer.from(`${TRACKING_VARIABLE}=${trackingValue}\0`)
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
  const looks = await Promise.all(pids.map((pid) => lookAt(pid, mark)))
  return {
    orphans: looks.filter((look) => typeof look === 'object'),
    isCertain: !looks.includes('unclear'),
  }
}

async function lookAt(pid: string, mark: Buffer): Promise<OrphanProcess | 'other' | 'unclear'> {
  const read = (name: string) => readFile(`/proc/${pid}/${name}`)
  try {
    let environment = await read('environ')
    if (environment.length === 0) {
      // While a process changes its program it shows neither arguments nor environment.
      if ((await read('cmdline')).length === 0)
        return (await isNoProgram(read)) ? 'other' : 'unclear'
      environment = await read('environ')
    }
    if (!environment.includes(mark)) return 'other'
    return { pid: Number(pid), name: (await read('comm')).toString('utf8').trim() }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') return 'other'
    return (await isNoProgram(read).catch(() => false)) ? 'other' : 'unclear'
  }
}

/** True for what is no program: a process that waits to be reaped, a thread of the system. */
async function isNoProgram(read: (name: string) => Promise<Buffer>): Promise<boolean> {
  const status = (await read('stat')).toString('utf8')
  const [state, parent] = status.slice(status.lastIndexOf(')') + 2).split(' ')
  return state === 'Z' || parent === '2' || parent === '0'
}
