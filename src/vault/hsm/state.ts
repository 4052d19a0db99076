import { newGuid } from '../../base/ids.ts'
import { type Database, statement } from '../../storage/database.ts'
import type { Rows, Writing } from '../objects/store.ts'
import type { ObjectTables } from '../objects/tables.ts'
import type { HsmResource } from '../ports.ts'
import { ADMINISTRATOR, type LocalRole, type RoleAssignment } from './roles.ts'

/** When a managed HSM became usable. */
export interface Activation {
  readonly activatedAtMs: number
}

/** What a managed HSM keeps beside its keys. */
export interface HsmState {
  /** Undefined until the security domain was downloaded, or one was uploaded. */
  readonly activation: Activation | undefined
  /** Roles made here; the built-in ones are in `builtInLocalRoles`. */
  readonly customRoles: readonly LocalRole[]
  readonly assignments: readonly RoleAssignment[]
  /** Settings that were changed, by name. */
  readonly settings: ReadonlyMap<string, string>
}

type OfHsm = { readonly hsm: string }

interface HsmRow {
  readonly activated_at_ms: number | null
  readonly enrolled: number
}

const hsmRow = statement<ObjectTables, OfHsm, HsmRow>((query, parameter) =>
  query
    .selectFrom('vault_hsm')
    .select(['activated_at_ms', 'enrolled'])
    .where('hsm', '=', parameter<string>('hsm')),
)
const insertHsm = statement<ObjectTables, OfHsm & HsmRow>((query, parameter) =>
  query.insertInto('vault_hsm').values({
    hsm: parameter('hsm'),
    activated_at_ms: parameter<number | null>('activated_at_ms'),
    enrolled: parameter<number>('enrolled'),
  }),
)
const dropHsm = statement<ObjectTables, OfHsm>((query, parameter) =>
  query.deleteFrom('vault_hsm').where('hsm', '=', parameter<string>('hsm')),
)
const definitionRows = statement<ObjectTables, OfHsm, { body: string }>((query, parameter) =>
  query
    .selectFrom('vault_hsm_role_definition')
    .select('body')
    .where('hsm', '=', parameter<string>('hsm'))
    .orderBy('id'),
)
const assignmentRows = statement<
  ObjectTables,
  OfHsm,
  { id: string; scope: string; role_id: string; principal_id: string }
>((query, parameter) =>
  query
    .selectFrom('vault_hsm_role_assignment')
    .select(['id', 'scope', 'role_id', 'principal_id'])
    .where('hsm', '=', parameter<string>('hsm'))
    .orderBy('id'),
)
const settingRows = statement<ObjectTables, OfHsm, { name: string; value: string }>(
  (query, parameter) =>
    query
      .selectFrom('vault_hsm_setting')
      .select(['name', 'value'])
      .where('hsm', '=', parameter<string>('hsm')),
)
const insertDefinition = statement<ObjectTables, OfHsm & { id: string; body: string }>(
  (query, parameter) =>
    query
      .insertInto('vault_hsm_role_definition')
      .values({ hsm: parameter('hsm'), id: parameter('id'), body: parameter('body') }),
)
const dropDefinition = statement<ObjectTables, OfHsm & { id: string }>((query, parameter) =>
  query
    .deleteFrom('vault_hsm_role_definition')
    .where('hsm', '=', parameter<string>('hsm'))
    .where('id', '=', parameter<string>('id')),
)
const insertAssignment = statement<
  ObjectTables,
  OfHsm & { id: string; scope: string; roleId: string; principalId: string }
>((query, parameter) =>
  query.insertInto('vault_hsm_role_assignment').values({
    hsm: parameter('hsm'),
    id: parameter('id'),
    scope: parameter('scope'),
    role_id: parameter('roleId'),
    principal_id: parameter('principalId'),
  }),
)
const dropAssignment = statement<ObjectTables, OfHsm & { id: string }>((query, parameter) =>
  query
    .deleteFrom('vault_hsm_role_assignment')
    .where('hsm', '=', parameter<string>('hsm'))
    .where('id', '=', parameter<string>('id')),
)
const insertSetting = statement<ObjectTables, OfHsm & { name: string; value: string }>(
  (query, parameter) =>
    query
      .insertInto('vault_hsm_setting')
      .values({ hsm: parameter('hsm'), name: parameter('name'), value: parameter('value') }),
)
const dropSetting = statement<ObjectTables, OfHsm & { name: string }>((query, parameter) =>
  query
    .deleteFrom('vault_hsm_setting')
    .where('hsm', '=', parameter<string>('hsm'))
    .where('name', '=', parameter<string>('name')),
)
const CONTENT = [
  'vault_hsm_role_definition',
  'vault_hsm_role_assignment',
  'vault_hsm_setting',
] as const
const TABLES = [
  'vault_hsm',
  ...CONTENT,
  'vault_hsm_domain',
  'vault_hsm_transfer_key',
  'vault_hsm_job',
] as const
const dropFrom = (table: (typeof TABLES)[number]) =>
  statement<ObjectTables, OfHsm>((query, parameter) =>
    query.deleteFrom(table).where('hsm', '=', parameter<string>('hsm')),
  )
const dropContent = CONTENT.map(dropFrom)
const dropAll = TABLES.map(dropFrom)

/** Undefined while the managed HSM is not activated. */
export async function findActivation(rows: Rows, dataId: string): Promise<Activation | undefined> {
  const [row] = await rows.all(hsmRow, { hsm: dataId })
  return row?.activated_at_ms == null ? undefined : { activatedAtMs: row.activated_at_ms }
}

/** Makes the managed HSM usable; one that is active already keeps its time. */
export async function activate(tx: Writing, dataId: string, activatedAtMs: number): Promise<void> {
  await changeHsm(tx, dataId, (row) => ({
    ...row,
    activated_at_ms: row.activated_at_ms ?? activatedAtMs,
  }))
}

async function changeHsm(tx: Writing, hsm: string, change: (row: HsmRow) => HsmRow): Promise<void> {
  const [row = { activated_at_ms: null, enrolled: 0 }] = await tx.all(hsmRow, { hsm })
  await tx.run(dropHsm, { hsm })
  await tx.run(insertHsm, { hsm, ...change(row) })
}

/** What is stored; undefined before the administrators were given their role. */
export async function findState(rows: Rows, dataId: string): Promise<HsmState | undefined> {
  const hsm = { hsm: dataId }
  const [row] = await rows.all(hsmRow, hsm)
  if (row?.enrolled !== 1) return undefined
  const settings = await rows.all(settingRows, hsm)
  return {
    activation: row.activated_at_ms === null ? undefined : { activatedAtMs: row.activated_at_ms },
    customRoles: await listRoles(rows, dataId),
    assignments: await listAssignments(rows, dataId),
    settings: new Map(settings.map(({ name, value }) => [name, value])),
  }
}

/** The custom roles. */
export async function listRoles(rows: Rows, dataId: string): Promise<LocalRole[]> {
  const found = await rows.all(definitionRows, { hsm: dataId })
  return found.map(({ body }) => JSON.parse(body) as LocalRole)
}

/** All role assignments, in the order of their ids. */
export async function listAssignments(rows: Rows, dataId: string): Promise<RoleAssignment[]> {
  const found = await rows.all(assignmentRows, { hsm: dataId })
  return found.map(({ id, scope, role_id, principal_id }) => ({
    id,
    scope,
    roleId: role_id,
    principalId: principal_id,
  }))
}

/** Gives the initial administrators their role, once in the life of a managed HSM. */
async function enroll(tx: Writing, hsm: HsmResource): Promise<void> {
  const [row] = await tx.all(hsmRow, { hsm: hsm.dataId })
  if (row?.enrolled === 1) return
  await changeHsm(tx, hsm.dataId, (found) => ({ ...found, enrolled: 1 }))
  for (const objectId of new Set(hsm.initialAdminObjectIds)) {
    const principalId = objectId.toLowerCase()
    const made = { id: newGuid(), scope: '/', roleId: ADMINISTRATOR, principalId }
    await putAssignment(tx, hsm.dataId, made)
  }
}

/** Adds a custom role, or replaces the one with its id. */
export async function putRole(tx: Writing, dataId: string, role: LocalRole): Promise<void> {
  await tx.run(dropDefinition, { hsm: dataId, id: role.id })
  await tx.run(insertDefinition, { hsm: dataId, id: role.id, body: JSON.stringify(role) })
}

export async function removeRole(tx: Writing, dataId: string, id: string): Promise<void> {
  await tx.run(dropDefinition, { hsm: dataId, id })
}

/** Adds an assignment; its id must be free. */
export async function putAssignment(
  tx: Writing,
  dataId: string,
  made: RoleAssignment,
): Promise<void> {
  await tx.run(insertAssignment, { hsm: dataId, ...made })
}

export async function removeAssignment(tx: Writing, dataId: string, id: string): Promise<void> {
  await tx.run(dropAssignment, { hsm: dataId, id })
}

export async function putSetting(
  tx: Writing,
  dataId: string,
  setting: { readonly name: string; readonly value: string },
): Promise<void> {
  await tx.run(dropSetting, { hsm: dataId, name: setting.name })
  await tx.run(insertSetting, { hsm: dataId, ...setting })
}

/** Takes all roles, assignments and settings away; others must follow in the same write. */
export async function clearState(tx: Writing, dataId: string): Promise<void> {
  for (const drop of dropContent) await tx.run(drop, { hsm: dataId })
}

/** Destroys what a purged managed HSM kept beside its keys. */
export async function eraseState(tx: Writing, dataId: string): Promise<void> {
  for (const drop of dropAll) await tx.run(drop, { hsm: dataId })
}

/** The states of the managed HSMs in use, in memory; another process's changes are seen at once. */
export class HsmStates {
  readonly #db: Database<ObjectTables>
  readonly #held = new Map<string, HsmState>()
  #mark = 0
  /** Grows whenever something is forgotten: what was read before that is not kept. */
  #age = 0

  constructor(db: Database<ObjectTables>) {
    this.#db = db
  }

  /** The state; the first request of a managed HSM's life gives its administrators their role. */
  async read(hsm: HsmResource): Promise<HsmState> {
    const mark = this.#db.changeMark()
    if (mark !== this.#mark) {
      this.#held.clear()
      this.#mark = mark
      this.#age += 1
    }
    const held = this.#held.get(hsm.dataId)
    if (held) return held
    const age = this.#age
    let found = await findState(this.#db, hsm.dataId)
    if (!found) {
      await this.#db.write((tx) => enroll(tx, hsm))
      found = await findState(this.#db, hsm.dataId)
    }
    if (!found) throw new Error('A managed HSM that was just enrolled is not there.')
    if (age === this.#age) this.#held.set(hsm.dataId, found)
    return found
  }

  /** Changes a state in one durable write; `work` must judge by what it reads in `tx`. */
  async change<T>(dataId: string, work: (tx: Writing) => Promise<T>): Promise<T> {
    const result = await this.#db.write(work)
    this.forget(dataId)
    return result
  }

  /** To be called after a state was changed by other means. */
  forget(dataId: string): void {
    this.#held.delete(dataId)
    this.#age += 1
  }
}
