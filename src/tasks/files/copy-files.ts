import { constants } from 'node:fs'
import { copyFile, mkdir, readdir, rm, stat, utimes } from 'node:fs/promises'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import { failed, succeeded, task } from '../contract.ts'
import { codeOf, textOf } from '../faults.ts'
import { listFiles, matchFiles } from './match-files.ts'

interface CopyOptions {
  readonly overwrite: boolean
  readonly preserveTimestamp: boolean
  readonly retryCount: number
  readonly retryDelayMs: number
  readonly signal: AbortSignal
}

/** Copies files that patterns select into a folder. */
export const copyFiles = task({
  id: '5bfb729a-a7c8-4a78-a7c3-8d717bb7c13c',
  name: 'CopyFiles',
  version: '2.276.0',
  friendlyName: 'Copy files',
  description:
    'Copy files from a source folder to a target folder using patterns matching file paths (not folder paths)',
  author: 'Microsoft Corporation',
  helpUrl: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/utility/copy-files',
  instanceNameFormat: 'Copy Files to: $(TargetFolder)',
  inputs: {
    SourceFolder: { kind: 'filePath' },
    Contents: { kind: 'text', default: '**', required: true },
    TargetFolder: { kind: 'filePath', required: true },
    CleanTargetFolder: { kind: 'flag', default: 'false' },
    OverWrite: { kind: 'flag', default: 'false' },
    flattenFolders: { kind: 'flag', default: 'false' },
    preserveTimestamp: { kind: 'flag', default: 'false' },
    retryCount: { kind: 'text', default: '0' },
    delayBetweenRetries: { kind: 'text', default: '1000' },
    ignoreMakeDirErrors: { kind: 'flag', default: 'false' },
  },

  async run({ inputs, signal, write }) {
    const { SourceFolder: source, TargetFolder: target } = inputs
    const found = await stat(source).catch(() => undefined)
    if (!found?.isDirectory()) return failed(`Not found SourceFolder: ${source}`)
    const options = {
      overwrite: inputs.OverWrite,
      preserveTimestamp: inputs.preserveTimestamp,
      retryCount: readCount(inputs.retryCount, 'retryCount'),
      retryDelayMs: readCount(inputs.delayBetweenRetries, 'delayBetweenRetries'),
      signal,
    }
    const files = matchFiles(await listFiles(source), inputs.Contents, source)
    write(`found ${files.length} files`)
    // Nothing selected leaves the target as it is, even when it should be cleaned.
    if (files.length === 0) return succeeded

    if (inputs.CleanTargetFolder) await cleanFolder(target, write)
    const makeFolder = (folder: string) => make(folder, inputs.ignoreMakeDirErrors, write)
    await makeFolder(target)
    for (const file of files) {
      signal.throwIfAborted()
      const to = path.join(target, inputs.flattenFolders ? path.basename(file) : file)
      await makeFolder(path.dirname(to))
      await copy(path.join(source, file), to, options, write)
    }
    return succeeded
  },
})

async function cleanFolder(target: string, write: (line: string) => void): Promise<void> {
  const names = await readdir(target).catch(() => undefined)
  if (!names) return
  write(`Cleaning target folder: ${target}`)
  for (const name of names) await rm(path.join(target, name), { recursive: true, force: true })
}

async function make(
  folder: string,
  ignoresErrors: boolean,
  write: (line: string) => void,
): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
  } catch (error) {
    if (!ignoresErrors) throw new Fault('FolderMissing', textOf(error))
    write(`Unable to create folder ${folder}: ${textOf(error)}`)
  }
}

async function copy(
  from: string,
  to: string,
  options: CopyOptions,
  write: (line: string) => void,
): Promise<void> {
  const existing = await stat(to).catch(() => undefined)
  if (existing?.isDirectory()) {
    throw new Fault(
      'PathTaken',
      `Unable to copy file ${from} to ${to}. The target path already exists as a directory.`,
    )
  }
  if (existing && !options.overwrite) {
    write(`File ${from} already exist at ${to}`)
    return
  }
  write(`Copying ${from} to ${to}`)
  for (let attempt = 0; ; attempt++) {
    try {
      return await copyOnce(from, to, options, options.overwrite || attempt > 0)
    } catch (error) {
      if (attempt >= options.retryCount) throw new Fault('CopyFailed', textOf(error))
      write(`Copying failed (${codeOf(error)}); trying again in ${options.retryDelayMs} ms`)
      await delay(options.retryDelayMs, undefined, { signal: options.signal })
    }
  }
}

async function copyOnce(
  from: string,
  to: string,
  options: CopyOptions,
  replaces: boolean,
): Promise<void> {
  // A file without write permission is replaced, and a link is not written through.
  if (replaces) await rm(to, { force: true })
  await copyFile(from, to, constants.COPYFILE_EXCL)
  if (!options.preserveTimestamp) return
  const { atime, mtime } = await stat(from)
  await utimes(to, atime, mtime)
}

function readCount(text: string, input: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new Fault('InputWrong', `${input} must be a whole number, not '${text}'.`)
}
