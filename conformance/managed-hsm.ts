import path from 'node:path'
import { openSqlite } from '../src/storage/database.ts'
import { activate } from '../src/vault/hsm/state.ts'
import type { ObjectTables } from '../src/vault/objects/tables.ts'
import type { Estate } from './harness.ts'

type Tables = ObjectTables & { arm_managed_hsm: { name_key: string; body: string } }

/** What downloading the security domain of a managed HSM does to it in the end. */
export async function activateHsm(estate: Estate, name: string): Promise<void> {
  const db = openSqlite<Tables>(path.join(estate.data, 'sluice.db'))
  const { body } = await db.query
    .selectFrom('arm_managed_hsm')
    .select('body')
    .where('name_key', '=', name)
    .executeTakeFirstOrThrow()
  const { dataId } = JSON.parse(body) as { dataId: string }
  await db.write((tx) => activate(tx, dataId, 1))
  await db.close()
}
