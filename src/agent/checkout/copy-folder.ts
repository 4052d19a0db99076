import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, readdir, readlink, symlink } from 'node:fs/promises'
import path from 'node:path'

const PARALLEL_COPIES = 16

/** Copies `names` (relative, `/` or the system's separator) from one folder to another. */
export interface FolderCopy {
  readonly from: string
  readonly to: string
  /** Never copied, wherever it is; the work folder may lie inside the sources. */
  readonly except: string
}

/**
 * Every file and link below a folder, relative to it; `.git` at its top and `except` are left out.
 * Links are listed as links and never followed.
 */
export async function listFolder({ from, except }: FolderCopy): Promise<readonly string[]> {
  const names: string[] = []
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(path.join(from, folder), { withFileTypes: true })) {
      const name = path.join(folder, entry.name)
      if (name === '.git' || path.join(from, name) === except) continue
      if (entry.isDirectory()) await walk(name)
      else if (entry.isFile() || entry.isSymbolicLink()) names.push(name)
    }
  }
  await walk('')
  return names
}

/**
 * Copies files and links; file systems that can share blocks do. A name that is gone, or that leads
 * through a link, is left out: a link could lead out of the folder. Gives the number copied.
 */
export async function copyNames(
  copy: FolderCopy,
  names: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const realFolders = new Map<string, Promise<boolean>>()
  const waiting = names.values()
  let count = 0
  const worker = async (): Promise<void> => {
    for (const name of waiting) {
      signal.throwIfAborted()
      if (!(await makeFolder(copy, path.dirname(name), realFolders))) continue
      const copied = await copyOne(copy, name)
      count += copied
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_COPIES }, worker))
  return count
}

async function copyOne(copy: FolderCopy, name: string): Promise<number> {
  const source = path.join(copy.from, name)
  const target = path.join(copy.to, name)
  if (source === copy.except || source.startsWith(copy.except + path.sep)) return 0
  const found = await lstat(source).catch(() => undefined)
  if (found?.isSymbolicLink()) await symlink(await readlink(source), target)
  else if (found?.isFile()) await copyFile(source, target, constants.COPYFILE_FICLONE)
  else if (found?.isDirectory()) return copyNested(copy, name)
  else return 0
  return 1
}

/** Git lists a repository inside the repository as one name; its files come along. */
async function copyNested(copy: FolderCopy, name: string): Promise<number> {
  const nested = { ...copy, from: path.join(copy.from, name), to: path.join(copy.to, name) }
  await mkdir(nested.to, { recursive: true })
  return copyNames(nested, await listFolder(nested), new AbortController().signal)
}

/** Makes the folder at the target; false when the source's folder is a link or gone. */
function makeFolder(
  copy: FolderCopy,
  folder: string,
  known: Map<string, Promise<boolean>>,
): Promise<boolean> {
  const former = known.get(folder)
  if (former !== undefined) return former
  const made = (async () => {
    if (folder === '.') return true
    if (!(await makeFolder(copy, path.dirname(folder), known))) return false
    const found = await lstat(path.join(copy.from, folder)).catch(() => undefined)
    if (!found?.isDirectory()) return false
    await mkdir(path.join(copy.to, folder), { recursive: true })
    return true
  })()
  known.set(folder, made)
  return made
}
