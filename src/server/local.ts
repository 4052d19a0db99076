import type { Diagnostic } from '../compiler/index.ts'
import { PipelineInvalid, type WatchEvent } from '../devops/index.ts'
import type { TimelineRecord } from '../protocol/index.ts'
import { type Estate, PROJECT } from './compose.ts'
import { hasAdminFile, writeAdminFile } from './seed.ts'

/** What a watcher of a run is told; its text has passed the masker. */
export type RunEvent = WatchEvent
export type RunRecord = TimelineRecord

/** A run of a file in a folder of this machine, asked for by its user. */
export interface FolderRun {
  readonly folder: string
  /** Relative to the folder, with `/`. */
  readonly file: string
  readonly variables: Readonly<Record<string, string>>
  readonly parameters: Readonly<Record<string, unknown>>
  readonly stages?: readonly string[]
  readonly jobs?: readonly string[]
}

/** `runId` is absent when the diagnostics have an error. */
export interface QueuedRun {
  readonly runId?: number
  readonly diagnostics: readonly Diagnostic[]
}

/** Queues a run as the local administrator; with `agent` only that one may run it. */
export async function queueFolderRun(
  estate: Estate,
  run: FolderRun,
  agent: string | undefined,
): Promise<QueuedRun> {
  const { variables, ...rest } = run
  try {
    const { runId, warnings } = await (await estate.devops()).queueFolderRun({
      ...rest,
      ...(agent === undefined ? {} : { agent }),
      project: PROJECT,
      variables: Object.entries(variables).map(([name, value]) => ({
        name,
        value,
        isSecret: false,
      })),
      requestedBy: { id: estate.ids.adminObjectId, name: ADMINISTRATOR },
    })
    return { runId, diagnostics: warnings }
  } catch (error) {
    if (error instanceof PipelineInvalid) return { diagnostics: error.diagnostics }
    throw error
  }
}

const ADMINISTRATOR = 'Local administrator'
const SUBSCRIPTION = 'Local'

/**
 * Makes the first principal who may do anything, and writes its credential to `admin.json`. Every step
 * may be repeated, and the file comes last: a crash before it only means that all is done again.
 */
export async function seedAdministrator(dataDirectory: string, estate: Estate): Promise<void> {
  const { ids, identity, arm } = estate
  if (hasAdminFile(dataDirectory, ids)) return
  const devops = await estate.devops()
  await identity.directory.ensureApplication({
    displayName: ADMINISTRATOR,
    tenantId: ids.tenantId,
    appId: ids.adminAppId,
    objectId: ids.adminApplicationObjectId,
    principalId: ids.adminObjectId,
  })
  await identity.directory.addRoleMember(ids.adminObjectId, 'Global Administrator')
  await arm.createSubscription({
    id: ids.subscriptionId,
    displayName: SUBSCRIPTION,
    tenantId: ids.tenantId,
  })
  await arm.assignRole({
    scope: `/subscriptions/${ids.subscriptionId}`,
    role: 'Owner',
    principalId: ids.adminObjectId,
  })
  await devops.ensureProject(PROJECT)
  await devops.addMember({
    principalId: ids.adminObjectId,
    name: ADMINISTRATOR,
    role: 'administrator',
  })
  const { secret } = await identity.directory.addPassword(ids.adminApplicationObjectId, {
    displayName: 'admin.json',
    endsAtMs: FOREVER_MS,
  })
  writeAdminFile(dataDirectory, ids, secret.open())
}

/** 9999-12-31: the file is the owner's, and nothing reminds anybody to renew it. */
const FOREVER_MS = Date.UTC(9999, 11, 31)
