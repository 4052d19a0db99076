import path from 'node:path'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import { findRole } from '../organisation/members-store.ts'
import { ensureProject } from '../organisation/projects-store.ts'
import { findAdHoc, insertPipeline, type Pipeline } from '../pipelines/pipelines-store.ts'
import { checkFolder } from '../pipelines/repository.ts'
import { type Queued, queueRun } from './queue.ts'
import type { GivenVariable } from './variables.ts'

/** A run of a file in a folder of this machine. */
export interface FolderRun {
  readonly folder: string
  /** Relative to the folder; `azure-pipelines.yml` unless told. */
  readonly file?: string
  /** `default` unless told. */
  readonly project?: string
  readonly variables?: readonly GivenVariable[]
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly stages?: readonly string[]
  readonly jobs?: readonly string[]
  /** Only the agent of this name may run it. */
  readonly agent?: string
  /** An administrator's run permits what it names; another member uses what is permitted. */
  readonly requestedBy: {
    readonly id: string
    readonly name: string
    readonly groups?: readonly string[]
  }
}

/**
 * Queues a run of the working tree of a folder, under a pipeline that is made once for each file and
 * is not listed. Any pool name stands for this machine. Only administrators may name a folder.
 *
 * @throws Fault `AccessDenied`, `PipelineInvalid`, `PipelineWrong`
 */
export async function queueFolderRun(devops: Devops, run: FolderRun): Promise<Queued> {
  const { id, name, groups = [] } = run.requestedBy
  if ((await findRole(devops, { objectId: id, groups })) !== 'administrator') {
    throw fault(
      'AccessDenied',
      `${name} may not run a folder of this machine: that is for administrators of ${devops.organization}.`,
    )
  }
  const project = await ensureProject(devops, run.project ?? 'default')
  const folder = checkFolder(run.folder)
  const file = (run.file ?? 'azure-pipelines.yml').replaceAll(path.sep, '/')
  const pipeline = await adHocPipeline(devops, {
    projectId: project.id,
    folder,
    file,
    createdBy: id,
  })
  return queueRun(devops, {
    project,
    pipeline,
    requestedBy: { id, name, isAdministrator: true },
    authorizes: true,
    takesAnyPool: true,
    ...(run.variables ? { variables: run.variables } : {}),
    ...(run.parameters ? { parameters: run.parameters } : {}),
    selection: {
      ...(run.stages ? { stages: run.stages } : {}),
      ...(run.jobs ? { jobs: run.jobs } : {}),
      ...(run.agent === undefined ? {} : { agent: run.agent }),
    },
  })
}

async function adHocPipeline(
  devops: Devops,
  {
    projectId,
    folder,
    file,
    createdBy,
  }: {
    readonly projectId: string
    readonly folder: string
    readonly file: string
    readonly createdBy: string
  },
): Promise<Pipeline> {
  return devops.db.write(async (tx) => {
    const found = await findAdHoc(tx.query, projectId, folder, file)
    if (found) return found
    const pipeline = {
      projectId,
      name: path.basename(folder) || 'folder',
      folder: `\\${folder}/${file}`,
      yamlPath: file,
      repository: { type: 'Folder' as const, path: folder },
      revision: 1,
      isAdHoc: true,
      createdBy,
      createdAtMs: devops.clock.nowMs(),
    }
    return { ...pipeline, id: await insertPipeline(tx, pipeline) }
  })
}
