import { execFileSync } from 'node:child_process'
import { readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { fault } from '../faults.ts'

/** Where a pipeline's files are: a directory on this machine. */
export interface FolderRepository {
  readonly type: 'Folder'
  /** Absolute. */
  readonly path: string
  /** Files come from this commit or branch instead of the working tree. */
  readonly commit?: string
}

/** What a folder is at this moment. */
export interface FolderState {
  readonly name: string
  /** Commit id; empty when the folder is not a Git working tree. */
  readonly version: string
  /** `refs/heads/main` when the folder has no branch of its own. */
  readonly branch: string
}

/** A folder that exists, with symbolic links resolved. @throws Fault `PipelineWrong` */
export function checkFolder(folder: string): string {
  try {
    const real = realpathSync(folder)
    if (statSync(real).isDirectory()) return real
  } catch {
    // Said below: a folder that is absent and one that is a file are the same to the caller.
  }
  throw fault('PipelineWrong', `The folder ${folder} does not exist on this machine.`)
}

function git(folder: string, ...args: string[]): string | undefined {
  try {
    return execFileSync('git', ['-C', folder, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: 64 * 1024 * 1024,
    })
  } catch {
    return undefined
  }
}

/** Reads name, commit and branch. @throws Fault `PipelineWrong` when the commit does not exist */
export function readFolderState(repository: FolderRepository): FolderState {
  const folder = checkFolder(repository.path)
  const name = path.basename(folder)
  if (repository.commit !== undefined) {
    const version = git(
      folder,
      'rev-parse',
      '--verify',
      '--end-of-options',
      `${repository.commit}^{commit}`,
    )
    if (version === undefined) {
      throw fault('PipelineWrong', `The folder has no commit or branch '${repository.commit}'.`)
    }
    return { name, version: version.trim(), branch: branchOf(folder) }
  }
  // One process for both: a start of git costs more than all the rest of queueing.
  const lines = git(folder, 'rev-parse', 'HEAD', '--symbolic-full-name', 'HEAD')?.split('\n') ?? []
  const [version = '', branch = 'HEAD'] = lines
  return { name, version, branch: branch.startsWith('refs/') ? branch : NO_BRANCH }
}

const NO_BRANCH = 'refs/heads/main'

/**
 * The repository a run of `branch` uses. A branch that is not checked out is read from its commit;
 * without `branch` the repository is used as it is.
 *
 * @throws Fault `PipelineWrong` when the folder has no such branch
 */
export function atBranch(
  repository: FolderRepository,
  branch: string | undefined,
): FolderRepository {
  if (branch === undefined || branch === '') return repository
  const ref = branch.startsWith('refs/') ? branch : `refs/heads/${branch}`
  if (repository.commit === undefined && branchOf(repository.path) === ref) return repository
  const named = { ...repository, commit: ref }
  readFolderState(named)
  return named
}

function branchOf(folder: string): string {
  return git(folder, 'symbolic-ref', '--quiet', 'HEAD')?.trim() ?? NO_BRANCH
}

/**
 * Reads files of a repository as text. A path that leaves the folder, also through a symbolic link,
 * reads as absent.
 */
export function fileReader(
  repository: FolderRepository,
  version: string,
): (file: string) => string | undefined {
  const folder = checkFolder(repository.path)
  if (repository.commit !== undefined) {
    return (file) => {
      const inside = toInside(file)
      return inside === undefined ? undefined : git(folder, 'show', `${version}:./${inside}`)
    }
  }
  return (file) => {
    const inside = toInside(file)
    if (inside === undefined) return undefined
    try {
      const real = realpathSync(path.join(folder, inside))
      const relative = path.relative(folder, real)
      if (relative.startsWith('..') || path.isAbsolute(relative)) return undefined
      return readFileSync(real, 'utf8')
    } catch {
      return undefined
    }
  }
}

function toInside(file: string): string | undefined {
  const inside = path.posix.normalize(file.replaceAll('\\', '/').replace(/^\/+/, ''))
  return inside.startsWith('..') || inside.includes('\u0000') ? undefined : inside
}
