import path from 'node:path'
import { type Arm, armMigrations, openArm, type PropagationDelays } from '../arm/index.ts'
import type { Clock } from '../base/clock.ts'
import {
  devopsMigrations,
  loadDevopsSealedColumns,
  type OpenDevops,
  openDevops,
} from '../devops/index.ts'
import { type Events, eventMigrations, openEvents } from '../events/index.ts'
import {
  type Identity,
  identityMigrations,
  identitySealedColumns,
  openIdentity,
} from '../identity/index.ts'
import { type Monitor, monitorMigrations, openMonitor } from '../monitor/index.ts'
import { openBlobs } from '../storage/blobs.ts'
import type { Database } from '../storage/database.ts'
import { hasTable, type Migration, migrate } from '../storage/migrations.ts'
import { finishChange } from '../storage/root-key-change.ts'
import { RootKeyring } from '../storage/root-key-ring.ts'
import type { SealedColumn } from '../storage/sealed-columns.ts'
import { Sealer, sealingMigrations } from '../storage/sealing.ts'
import {
  azureLimits,
  openVault,
  type Vault,
  vaultMigrations,
  vaultSealedColumns,
} from '../vault/index.ts'
import { type DataPlace, findDataPlace, openTables } from './data-place.ts'
import { type HsmDoor, openDoor } from './hsm-door.ts'
import { releasePorts } from './release-ports.ts'
import { processSecrets } from './secrets.ts'
import { type EstateIds, readEstateIds, serverMigrations } from './seed.ts'
import { describeRealism, type Realism, type ServerSettings } from './settings.ts'

/** Every service, connected; nothing listens yet. */
export interface Estate {
  readonly db: Database<unknown>
  readonly ids: EstateIds
  readonly identity: Identity
  readonly arm: Arm
  readonly vault: Vault
  readonly monitor: Monitor
  readonly events: Events
  /** True when keys of HSM types live in a token. */
  readonly hasToken: boolean
  /** Opened when it is first asked for: the largest room, and vaults do not need it. */
  devops(): Promise<OpenDevops>
  /** Removes data keys that nothing has used for a day. */
  dropRetiredKeys(): Promise<void>
  close(): Promise<void>
}

/** How a data directory is opened. */
export type OpenOptions = Pick<
  ServerSettings,
  'writesPerCommit' | 'realism' | 'secrets' | 'token' | 'database'
>

/** All steps of all rooms, in the order in which they were released. */
const migrations: readonly Migration[] = [
  ...sealingMigrations,
  ...serverMigrations,
  ...identityMigrations,
  ...armMigrations,
  ...vaultMigrations,
  ...monitorMigrations,
  ...eventMigrations,
  ...devopsMigrations,
]

/** The organisation every data directory has. */
const ORGANIZATION = 'local'
/** The project every data directory has. */
export const PROJECT = 'default'

/**
 * Opens the data directory and connects the rooms: the only place that knows all of them. Each port a
 * room declares is given its other side here.
 *
 * @throws Fault `DataNotWritable`, `DataFromNewerVersion` or `RootKeyWrong`; then nothing was changed
 */
export async function openEstate(
  dataDirectory: string,
  clock: Clock,
  options: OpenOptions,
): Promise<Estate> {
  const { realism } = options
  const { db, sealer, door } = await openData(dataDirectory, clock, options)
  try {
    const hsmToken = await door.find()
    const ids = await readEstateIds(db)
    const identity = await openIdentity({ db, sealer, clock, tenantId: ids.tenantId })
    const monitor = openMonitor({ db, clock })
    const events = openEvents(db)
    const { verifier, directory } = identity
    const arm = await openArm({
      db,
      clock,
      verifier,
      directory,
      delays: delaysOf(realism),
      hsmStatus: { isActivated: (dataId) => vault.isHsmActivated(dataId) },
      askKeys: (asked) => vault.askForManager(asked),
    })
    const vault = openVault({
      db,
      sealer,
      clock,
      verifier,
      directory: {
        findVault: arm.findActiveVault,
        findVaultOf: arm.findActiveVaultOf,
        findHsm: arm.findActiveHsm,
      },
      authorizer: arm,
      audit: monitor,
      release: releasePorts(dataDirectory, identity),
      events,
      ...realismPorts(realism),
      ...(hsmToken && { hsmToken }),
    })
    arm.onPoliciesChanged(vault.policiesChanged)
    arm.onVaultPurged(({ dataId }) => vault.eraseVault(dataId))
    const devops = openedOnce(async () => {
      const { taskCatalog } = await import('./task-catalog.ts')
      return openDevops({
        db,
        sealer: await sealer.scope('devops'),
        blobs: openBlobs(path.join(dataDirectory, 'blobs'), await sealer.scope('blobs')),
        clock,
        verifier,
        jobTokens: jobTokens(identity, ids),
        tasks: taskCatalog,
        organization: ORGANIZATION,
      })
    })
    const unfollow = sealer.follow()
    const close = async () => {
      await monitor.close()
      await unfollow()
      await db.close()
      await door.close()
    }
    const dropRetiredKeys = () => dropKeys(db, clock)
    const hasToken = hsmToken !== undefined
    return {
      ...{ db, ids, identity, arm, vault, monitor, events, hasToken },
      ...{ devops, dropRetiredKeys, close },
    }
  } catch (error) {
    await db.close()
    await door.close()
    throw error
  }
}

/** What `open` gave, opened when it is first asked for; again only after it failed. */
function openedOnce<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined
      throw error
    })
    return opened
  }
}

async function dropKeys(db: Database<unknown>, clock: Clock): Promise<void> {
  const { dropRetired } = await import('../storage/data-key-change.ts')
  await dropRetired({ db, nowMs: () => clock.nowMs(), columns: loadSealedColumns })
}

function realismPorts(realism: Realism | undefined) {
  return {
    ...(realism?.throttling && { limits: azureLimits }),
    ...(realism && { healthHeaders: { 'x-sluice-realistic': describeRealism(realism) } }),
  }
}

function delaysOf(realism: Realism | undefined): PropagationDelays | undefined {
  if (!realism) return undefined
  const { roleDelaySeconds, policyDelaySeconds } = realism
  return { rolesMs: roleDelaySeconds * 1000, policiesMs: policyDelaySeconds * 1000 }
}

/** Every column of every room whose values are sealed: a new data key has to reach them all. */
export async function loadSealedColumns(): Promise<readonly SealedColumn[]> {
  return [...identitySealedColumns, ...vaultSealedColumns, ...(await loadDevopsSealedColumns())]
}

/** A data directory without the rooms. */
export interface OpenedData {
  readonly db: Database<unknown>
  readonly sealer: Sealer
  readonly rootKeys: RootKeyring
  /** The way to its HSM token; close it after the database. */
  readonly door: HsmDoor
}

/**
 * Opens the database and the keys of a data directory, without the rooms.
 *
 * @throws as `openEstate`
 */
export async function openData(
  dataDirectory: string,
  clock: Clock,
  { writesPerCommit, database, secrets = processSecrets(process.env), token }: OpenOptions,
): Promise<OpenedData> {
  const place = findDataPlace(dataDirectory, database)
  const door = await openDoor({ dataDirectory, secrets, given: token })
  try {
    const rootKeys = await RootKeyring.open({ dataDirectory, secrets }, door.sources)
    const opened = await openDatabase(dataDirectory, clock, { rootKeys, place, writesPerCommit })
    return { ...opened, door }
  } catch (error) {
    await door.close()
    throw error
  }
}

async function openDatabase(
  dataDirectory: string,
  clock: Clock,
  given: {
    readonly rootKeys: RootKeyring
    readonly place: DataPlace
    readonly writesPerCommit: number | undefined
  },
): Promise<Omit<OpenedData, 'door'>> {
  const { rootKeys, place, writesPerCommit } = given
  const db = await openTables(dataDirectory, place, writesPerCommit ? { writesPerCommit } : {})
  try {
    const sealer = new Sealer(db, rootKeys, () => clock.nowMs())
    // A wrong key must be found before anything is changed.
    if (await hasTable(db, 'data_key')) await sealer.prove()
    place.keep()
    await rootKeys.settle(clock.nowMs())
    await migrate(db, migrations, clock.nowMs())
    await sealer.check()
    await finishChange({ dataDirectory, db, ring: rootKeys })
    return { db, sealer, rootKeys }
  } catch (error) {
    await db.close()
    throw error
  }
}

/** What a job presents to the server it came from: a token for DevOps that speaks for that job alone. */
function jobTokens(identity: Identity, ids: EstateIds) {
  return {
    issue: async (job: {
      readonly runId: number
      readonly jobId: string
      readonly lifetimeMs: number
    }) => {
      const { token } = await identity.directory.issueToken({
        tenantId: ids.tenantId,
        audience: '499b84ac-1321-427f-aa17-267ca6975798',
        kind: 'pipeline',
        objectId: job.jobId,
        appId: undefined,
        lifetimeMs: job.lifetimeMs,
        name: `run ${job.runId}`,
      })
      return token
    },
  }
}
