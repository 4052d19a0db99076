import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../../base/fault.ts'

/** A pipeline file on disk, and the repository around it from which templates are read. */
export interface PipelineFile {
  /** The absolute folder that nothing is read outside of. */
  readonly root: string
  /** The path inside of `root`, with `/`. */
  readonly file: string
}

const STANDARD_NAMES = ['azure-pipelines.yml', 'azure-pipelines.yaml']

/**
 * The files asked for, or the pipeline of `folder` when none is.
 *
 * @throws Fault `UsageWrong` for a file that does not exist
 */
export function findPipelineFiles(asked: readonly string[], folder: string): PipelineFile[] {
  if (asked.length > 0) return asked.map((one) => findAsked(one, folder))
  const name = STANDARD_NAMES.find((one) => isFile(path.join(folder, one)))
  if (name) return [pipelineFile(path.join(folder, name), folder)]
  const names = STANDARD_NAMES.join(' or ')
  throw new Fault('UsageWrong', `There is no ${names} in ${folder}. Name the file.`)
}

function findAsked(asked: string, folder: string): PipelineFile {
  const absolute = path.resolve(folder, asked)
  if (!isFile(absolute)) throw new Fault('UsageWrong', `There is no file ${asked}.`)
  return pipelineFile(absolute, folder)
}

function isFile(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true
}

/** A file in its repository: the Git top level around it, else `folder`, else its own folder. */
export function pipelineFile(absolute: string, folder: string): PipelineFile {
  const own = path.dirname(absolute)
  const root = findGitRoot(own) ?? (isInside(folder, absolute) ? path.resolve(folder) : own)
  return { root, file: path.relative(root, absolute).split(path.sep).join('/') }
}

/** The nearest folder upwards that holds `.git`, a folder or (in worktrees) a file. */
function findGitRoot(folder: string): string | undefined {
  for (let at = folder; ; at = path.dirname(at)) {
    if (existsSync(path.join(at, '.git'))) return at
    if (path.dirname(at) === at) return undefined
  }
}

function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file)
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative)
}

/**
 * Reads files of a repository; undefined for what is missing, no file, or outside of the root, also
 * by way of a link. The pipeline's own file may be such a link. Other repositories are not there.
 */
export function readerOf({ root, file }: PipelineFile) {
  return (repository: string, inside: string): string | undefined => {
    if (repository !== 'self') return undefined
    const absolute = path.join(root, inside)
    if (!isInside(root, absolute)) return undefined
    try {
      const real = realpathSync(absolute)
      if (inside !== file && !isInside(realpathSync(root), real)) return undefined
      return readFileSync(real, 'utf8')
    } catch {
      return undefined
    }
  }
}
