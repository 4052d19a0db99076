import { createPrivateKey, createSecretKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { changeDataKeys } from '../storage/data-key-change.ts'
import { migrate } from '../storage/migrations.ts'
import { storedValues } from '../storage/sealed-columns.ts'
import { Sealer, sealingMigrations } from '../storage/sealing.ts'
import { openTestDatabase } from '../storage/testing/test-database.ts'
import { openIdentity } from './identity.ts'
import { identityMigrations } from './migrations.ts'
import { identitySealedColumns } from './sealed-columns.ts'

test('a signing key gets a new data key, inside of its row', async () => {
  const dataDirectory = mkdtempSync(path.join(os.tmpdir(), 'sluice-identity-'))
  const db = await openTestDatabase<unknown>(path.join(dataDirectory, 'sluice.db'))
  const clock = manualClock(Date.UTC(2026, 0, 31))
  await migrate(db, [...sealingMigrations, ...identityMigrations], 1)
  const sealer = new Sealer(db, createSecretKey(Buffer.alloc(32, 7)), clock.nowMs)
  const identity = await openIdentity({ db, sealer, clock })
  await identity.directory.issueToken({
    tenantId: identity.directory.defaultTenantId,
    objectId: 'aaaaaaaa-0000-4000-8000-000000000001',
    appId: undefined,
    audience: 'https://vault.azure.net',
    kind: 'app',
  })

  const changed = await changeDataKeys({
    dataDirectory,
    db,
    sealer,
    columns: identitySealedColumns,
    nowMs: clock.nowMs,
    wait: async (ms) => clock.moveMs(ms),
  })

  expect(changed).toMatchObject({ dataKeys: 1, values: 1, damaged: 0, retired: 1 })
  for (const column of identitySealedColumns) {
    for await (const [stored] of storedValues(db, column)) {
      if (!stored) throw new Error('There is no key.')
      const opened = (await sealer.scope('identity')).openBytes(
        column.place(stored.row),
        stored.sealed,
      )
      const key = createPrivateKey({ key: opened.open(), format: 'der', type: 'pkcs8' })
      expect(key.asymmetricKeyType).toBe('rsa')
    }
  }
  await db.close()
  rmSync(dataDirectory, { recursive: true })
})
