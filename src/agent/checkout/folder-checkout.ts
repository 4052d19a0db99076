import { execFile } from 'node:child_process'
import { realpath, stat } from 'node:fs/promises'
import { promisify } from 'node:util'
import { Fault } from '../../base/fault.ts'
import { copyNames, type FolderCopy, listFolder } from './copy-folder.ts'

const MAX_LIST_BYTES = 268_435_456

/**
 * Copies a folder of this machine as a checkout. Of a Git working tree come the tracked files and
 * the untracked ones that are not ignored, as they are on disk; of any other folder, all. Gives the
 * number of files. @throws Fault `FolderMissing`
 */
export async function checkoutFolderCopy(
  request: FolderCopy & { readonly env: Readonly<Record<string, string>> },
  signal: AbortSignal,
): Promise<number> {
  const found = await stat(request.from).catch(() => undefined)
  if (!found?.isDirectory()) {
    throw new Fault('FolderMissing', `The repository's folder ${request.from} does not exist.`)
  }
  const except = await realpath(request.except).catch(() => request.except)
  const copy = { from: await realpath(request.from), to: request.to, except }
  const names = (await gitFiles(copy.from, request.env, signal)) ?? (await listFolder(copy))
  return copyNames(copy, names, signal)
}

/** The folder is the caller's own choice, whoever owns it; nothing in it may start a program. */
const TRUSTED = ['-c', 'safe.directory=*', '-c', 'core.fsmonitor=false']

/** A Git hook that starts us names its own repository in the environment. */
function withoutGit(env: Readonly<Record<string, string>>): Record<string, string> {
  const kept = Object.entries(env).filter(
    ([name]) => !/^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX)$/.test(name),
  )
  return Object.fromEntries(kept)
}

/** Undefined when the folder is no Git working tree, or Git is not installed. */
async function gitFiles(
  folder: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly string[] | undefined> {
  const args = ['ls-files', '-co', '--exclude-standard', '-z']
  const options = { cwd: folder, env: withoutGit(env), maxBuffer: MAX_LIST_BYTES, signal }
  try {
    const { stdout } = await promisify(execFile)('git', [...TRUSTED, ...args], options)
    // A file in conflict is listed once for each of its sides.
    return [...new Set(stdout.split('\0').filter(Boolean))].map((name) => name.replace(/\/$/, ''))
  } catch (error) {
    signal.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') throw error
    return undefined
  }
}
