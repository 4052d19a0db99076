import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'

/**
 * A folder for the jobs of this process. What a killed process left behind is removed first: it may
 * hold files that steps wrote.
 */
export function makeWorkFolder(dataDirectory: string): string {
  const all = path.join(dataDirectory, 'work')
  mkdirSync(all, { recursive: true, mode: 0o700 })
  for (const name of readdirSync(all)) {
    if (!isAlive(Number(name))) rmSync(path.join(all, name), { recursive: true, force: true })
  }
  const own = path.join(all, String(process.pid))
  mkdirSync(own, { recursive: true, mode: 0o700 })
  return own
}

/** False for 0 and for what is no process id. */
export function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  if (pid === process.pid) return true
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

/** Removes the folder of this process. */
export function removeWorkFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}
