import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Fault } from '../../base/fault.ts'
import type { ArtifactPort } from '../../tasks/index.ts'
import type { JobRun } from '../job-run.ts'

/** As many files as the service's agent sends at a time. */
const PARALLEL_UPLOADS = 2

interface LocalFile {
  readonly file: string
  /** Relative, with `/`. */
  readonly path: string
}

/** The artifacts of a job's run and of others; contents are not masked, they are what they are. */
export function jobArtifacts(run: JobRun): ArtifactPort {
  const { api, lease } = run
  const sizes = new Map<string, number>()
  const keyOf = (runId: number, artifact: string, file: string) => `${runId}/${artifact}/${file}`
  return {
    async publish(name, type, fromPath) {
      if (type === 'PipelineArtifact') await refuseTaken(run, name)
      const files = await filesToUpload(fromPath)
      await uploadFiles(run, name, files)
      await api.associateArtifact(lease, { name, type, folder: name })
      return files.length
    },
    async list(runId, name) {
      const files = await api.listArtifactFiles(lease, runId, name)
      for (const file of files) sizes.set(keyOf(runId, file.artifact, file.path), file.sizeBytes)
      return files.map((file) => ({ artifact: file.artifact, path: file.path }))
    },
    async download(runId, artifact, filePath, toPath) {
      const sizeBytes = sizes.get(keyOf(runId, artifact, filePath)) ?? 0
      const content = await api.openArtifactFile(lease, runId, {
        artifact,
        path: filePath,
        sizeBytes,
      })
      await mkdir(path.dirname(toPath), { recursive: true })
      await pipeline(content, createWriteStream(toPath))
    },
  }
}

/** A pipeline artifact is whole from the start, so its name is looked at before the first file. */
async function refuseTaken({ api, lease, variables }: JobRun, name: string): Promise<void> {
  const runId = Number(variables.text('Build.BuildId') ?? 0)
  const files = await api.listArtifactFiles(lease, runId, name).catch((error: unknown) => {
    if (error instanceof Fault) return []
    throw error
  })
  if (files.length === 0) return
  throw new Fault('ArtifactExists', `Artifact ${name} already exists for build ${runId}.`)
}

/** A file alone, or every file below a folder; links to folders are not followed. */
export async function filesToUpload(fromPath: string): Promise<readonly LocalFile[]> {
  const found = await stat(fromPath).catch(() => undefined)
  if (!found) throw new Fault('PathMissing', `Path does not exist: ${fromPath}`)
  if (found.isFile()) return [{ file: fromPath, path: path.basename(fromPath) }]
  const files: LocalFile[] = []
  await walk(fromPath, '', files)
  return files.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** A recursive `readdir` would follow links to folders, and so lead anywhere. */
async function walk(root: string, folder: string, files: LocalFile[]): Promise<void> {
  for (const entry of await readdir(path.join(root, folder), { withFileTypes: true })) {
    const name = folder ? `${folder}/${entry.name}` : entry.name
    const file = path.join(root, name)
    if (entry.isDirectory()) await walk(root, name, files)
    else if (entry.isFile() || (await isLinkToFile(file))) files.push({ file, path: name })
  }
}

async function isLinkToFile(file: string): Promise<boolean> {
  return (await stat(file).catch(() => undefined))?.isFile() ?? false
}

/** Sends files into a folder of the run's container, two at a time; the first failure ends it. */
export async function uploadFiles(
  run: Pick<JobRun, 'api' | 'lease'> & { readonly cancellation: { readonly killed: AbortSignal } },
  folder: string,
  files: readonly LocalFile[],
): Promise<void> {
  const waiting = files.values()
  const worker = async (): Promise<void> => {
    for (const { file, path: name } of waiting) {
      run.cancellation.killed.throwIfAborted()
      const content = createReadStream(file)
      // It may fail before anybody reads it; unheard, that would end the whole process.
      content.once('error', () => undefined)
      await run.api
        .uploadArtifactFile(run.lease, folder, name, content)
        .finally(() => content.destroy())
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_UPLOADS }, worker))
}
