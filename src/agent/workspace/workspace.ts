import { chmod, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { newGuid } from '../../base/ids.ts'
import { isProcessAlive } from '../processes/process-tree.ts'

const OWNER_FILE = '.owner'
const GRAVE = '_removed_'

/** The folders of one job; all absolute. */
export interface Workspace {
  /** `<workFolder>/<n>`: `Pipeline.Workspace`, `Agent.BuildDirectory`. */
  readonly folder: string
  readonly sources: string
  readonly artifacts: string
  readonly binaries: string
  readonly testResults: string
  /** Outside `folder`, so that a task may clean that. */
  readonly temp: string
  /** Shared by all jobs; it stays. */
  readonly tools: string
  /** Ends the workspace; what cannot be removed is made unreadable for others and left. */
  remove(): Promise<void>
}

/**
 * Takes the first free number below `workFolder` and makes its folders, mode 0700. A folder whose
 * process is gone (it was killed) is removed on the way, so that nothing secret stays behind.
 */
export async function openWorkspace(workFolder: string): Promise<Workspace> {
  await mkdir(workFolder, { recursive: true })
  const { folder, number } = await takeFolder(workFolder)
  const temp = path.join(workFolder, '_temp', number)
  const at = (name: string) => path.join(folder, name)
  const tools = path.join(workFolder, '_tool')
  await rm(temp, { recursive: true, force: true })
  await mkdir(path.join(workFolder, '_temp'), { recursive: true, mode: 0o700 })
  await mkdir(tools, { recursive: true })
  const made = [at('s'), at('a'), at('b'), at('TestResults'), temp]
  await Promise.all(made.map((name) => mkdir(name, { mode: 0o700 })))
  return {
    folder,
    sources: at('s'),
    artifacts: at('a'),
    binaries: at('b'),
    testResults: at('TestResults'),
    temp,
    tools,
    async remove() {
      await removeTree(temp)
      // Under its new name the folder is removed by the next job if this process ends before it has.
      const grave = path.join(workFolder, GRAVE + newGuid())
      await rename(folder, grave)
      await removeTree(grave)
    },
  }
}

async function takeFolder(workFolder: string): Promise<{ folder: string; number: string }> {
  await removeAbandoned(workFolder)
  for (let number = 1; ; number += 1) {
    const folder = path.join(workFolder, String(number))
    try {
      await mkdir(folder, { mode: 0o700 })
      await writeFile(path.join(folder, OWNER_FILE), `${process.pid}\n`, { mode: 0o600 })
      return { folder, number: String(number) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}

async function removeAbandoned(workFolder: string): Promise<void> {
  for (const name of await readdir(workFolder)) {
    const folder = path.join(workFolder, name)
    if (name.startsWith(GRAVE)) await removeTree(folder)
    else if (/^\d+$/.test(name) && (await claimAbandoned(folder))) {
      const grave = path.join(workFolder, GRAVE + newGuid())
      await rename(folder, grave)
      await removeTree(path.join(workFolder, '_temp', name))
      await removeTree(grave)
    }
  }
}

/**
 * True for one caller alone. The owner's file is taken away first and read again then, because
 * another agent may have removed the folder and taken its number in between.
 */
async function claimAbandoned(folder: string): Promise<boolean> {
  const file = path.join(folder, OWNER_FILE)
  const claim = `${file}.${newGuid()}`
  if (!(await isOwnerGone(file))) return false
  try {
    await rename(file, claim)
  } catch {
    return false
  }
  if (await isOwnerGone(claim)) return true
  await rename(claim, file)
  return false
}

async function isOwnerGone(file: string): Promise<boolean> {
  const owner = Number(await readFile(file, 'utf8').catch(() => '0'))
  return owner > 0 && !isProcessAlive(owner)
}

/** Removes a tree even where a step took away its own right to write. */
async function removeTree(folder: string): Promise<void> {
  try {
    await rm(folder, { recursive: true, force: true, maxRetries: 2 })
  } catch {
    await unlock(folder)
    await rm(folder, { recursive: true, force: true, maxRetries: 2 }).catch(() => undefined)
  }
}

async function unlock(folder: string): Promise<void> {
  await chmod(folder, 0o700).catch(() => undefined)
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const entry of entries) {
    if (entry.isDirectory()) await unlock(path.join(folder, entry.name))
  }
}
