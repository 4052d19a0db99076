import type { Readable } from 'node:stream'
import type { ArtifactFile, ArtifactReference } from '../../protocol/index.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import type { DevopsTransaction } from '../tables.ts'

/** An artifact that has been made visible. */
export interface Artifact extends ArtifactReference {
  readonly id: number
}

function blobKey(runId: number, folder: string, path: string): string {
  return `artifact\n${runId}\n${folder}\n${path}`
}

/** Stores one file below a folder of the run's file container, replacing what was there. */
export async function storeArtifactFile(
  devops: Devops,
  file: {
    readonly runId: number
    readonly folder: string
    readonly path: string
    readonly content: Readable
  },
): Promise<void> {
  const { runId, folder, path, content } = file
  if (!isInside(path)) {
    throw fault('RunWrong', `The artifact path '${path}' leaves its artifact.`)
  }
  const stored = await devops.blobs.put(blobKey(runId, folder, path), content)
  const row = { size_bytes: stored.sizeBytes, sha256: stored.sha256 }
  await devops.db.write(async (tx) => {
    await tx.query
      .insertInto('devops_artifact_file')
      .values({ run_id: runId, folder, path, ...row })
      .onConflict((conflict) => conflict.columns(['run_id', 'folder', 'path']).doUpdateSet(row))
      .execute()
  })
}

function isInside(path: string): boolean {
  return path !== '' && !path.startsWith('/') && !path.split(/[/\\]/).includes('..')
}

/** Names become folders where artifacts are downloaded. */
const NO_NAME = /^\.*$|["\\/:<>|*?]/

/** Makes an artifact visible. @throws Fault `ArtifactExists` when another one has its name, `RunWrong` */
export async function associateArtifact(
  tx: DevopsTransaction,
  runId: number,
  artifact: ArtifactReference,
): Promise<void> {
  if (NO_NAME.test(artifact.name)) {
    throw fault(
      'RunWrong',
      `Artifact name is not valid: ${artifact.name}. It cannot contain '\\', '/', '"', ':', '<', '>', '|', '*', and '?', or be dots alone.`,
    )
  }
  const held = await tx.query
    .selectFrom('devops_artifact')
    .selectAll()
    .where('run_id', '=', runId)
    .execute()
  const same = held.find(({ name }) => name.toLowerCase() === artifact.name.toLowerCase())
  if (same && same.folder === artifact.folder && same.type === artifact.type) return
  if (same) {
    throw fault('ArtifactExists', `Artifact ${artifact.name} already exists for build ${runId}.`)
  }
  const id = held.reduce((last, row) => Math.max(last, row.id), 0) + 1
  const { name, type, folder } = artifact
  await tx.query
    .insertInto('devops_artifact')
    .values({ run_id: runId, id, name, type, folder })
    .execute()
}

/** Visible artifacts of a run in order. */
export async function listArtifacts(devops: Devops, runId: number): Promise<Artifact[]> {
  const rows = await devops.db.query
    .selectFrom('devops_artifact')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('id')
    .execute()
  return rows.map(({ id, name, type, folder }) => ({
    id,
    name,
    type: type === 'PipelineArtifact' ? 'PipelineArtifact' : 'Container',
    folder,
  }))
}

/** One artifact by name, without case. @throws Fault `ArtifactNotFound` */
export async function readArtifact(devops: Devops, runId: number, name: string): Promise<Artifact> {
  const all = await listArtifacts(devops, runId)
  const found = all.find((artifact) => artifact.name.toLowerCase() === name.toLowerCase())
  if (found) return found
  throw fault('ArtifactNotFound', `Artifact ${name} was not found for build ${runId}.`)
}

/** Files of one visible artifact, or of all of them. @throws Fault `ArtifactNotFound` */
export async function listArtifactFiles(
  devops: Devops,
  runId: number,
  artifact?: string,
): Promise<ArtifactFile[]> {
  const wanted =
    artifact === undefined
      ? await listArtifacts(devops, runId)
      : [await readArtifact(devops, runId, artifact)]
  const rows = await devops.db.query
    .selectFrom('devops_artifact_file')
    .selectAll()
    .where('run_id', '=', runId)
    .orderBy('path')
    .execute()
  return wanted.flatMap(({ name, folder }) =>
    rows
      .filter((row) => row.folder === folder)
      .map((row) => ({ artifact: name, path: row.path, sizeBytes: row.size_bytes })),
  )
}

/** The content of one file. @throws Fault `ArtifactNotFound` */
export async function openArtifactFile(
  devops: Devops,
  runId: number,
  file: Pick<ArtifactFile, 'artifact' | 'path'>,
): Promise<Readable> {
  const { folder } = await readArtifact(devops, runId, file.artifact)
  const content = await devops.blobs.find(blobKey(runId, folder, file.path))
  if (content) return content
  throw fault('ArtifactNotFound', `Artifact ${file.artifact} has no file ${file.path}.`)
}
