import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import { loadSealedColumns, openData } from './compose.ts'

/** Bytes that no data key seals: hashes, packed audit entries, certificates, and keys that the root key wraps. */
const NOT_SEALED = [
  'audit_head.hash',
  'audit_segment.content',
  'audit_segment.hash',
  'data_key.wrapped',
  'root_key_holder.offer',
  'root_key_holder.proof',
  'root_key_holder.public_key',
  'vault_hsm_transfer_key.certificate',
]
/** Sealed values inside of a text. */
const IN_TEXT = ['signing_key.body']

test('every column of bytes is declared by its room, or named here as not sealed', async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-columns-'))
  const { db } = await openData(folder, systemClock, {})
  await db.close()
  const raw = new DatabaseSync(path.join(folder, 'sluice.db'))
  const found = raw
    .prepare(
      `select m.name || '.' || c.name as name from sqlite_master m, pragma_table_info(m.name) c
       where m.type = 'table' and (lower(c.type) = 'blob' or c.name like '%sealed%')
       order by 1`,
    )
    .all()
    .map(({ name }) => String(name))
  raw.close()
  rmSync(folder, { recursive: true })
  const declared = (await loadSealedColumns()).map(({ table, column }) => `${table}.${column}`)
  expect(found).toEqual(
    [...declared, ...NOT_SEALED].filter((name) => !IN_TEXT.includes(name)).sort(),
  )
})
