import path from 'node:path'
import { expect, test } from 'vitest'
import { changeDataKeys } from '../storage/data-key-change.ts'
import { loadRootKey } from '../storage/root-key-file.ts'
import { storedValues } from '../storage/sealed-columns.ts'
import { Sealer } from '../storage/sealing.ts'
import { caughtUp, openTestDatabase } from '../storage/testing/test-database.ts'
import { openAuthority } from './certificates/chain-authority.ts'
import type { VaultStore } from './context.ts'
import { vaultSealedColumns } from './sealed-columns.ts'
import { makeHolder } from './testing/test-domain.ts'
import { HSM, NOON_MS, startVault, type TestVault, tokenOf, VAULT } from './testing/test-vault.ts'

const policy = (issuer: string) => ({
  policy: {
    issuer: { name: issuer },
    key_props: { kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false },
    secret_props: { contentType: 'application/x-pkcs12' },
    x509_props: { subject: 'CN=sluice.test', validity_months: 12 },
  },
})

/** One of everything that the room seals. */
async function fill({ ask, db, put, sealer }: TestVault): Promise<void> {
  await openAuthority({ db: db as VaultStore['db'], sealer }, NOON_MS)
  const made = [
    await ask('PUT', '/secrets/Db', { body: { value: 'one' } }),
    await ask('PUT', '/secrets/Db', { body: { value: 'two' } }),
    await ask('POST', '/keys/k/create', { body: { kty: 'oct-HSM', key_size: 256 } }),
    await ask('POST', '/certificates/self/create', { body: policy('Self') }),
    await ask('POST', '/certificates/Waits/create', { body: policy('Unknown') }),
    await ask('PUT', '/certificates/issuers/My-CA', {
      body: { provider: 'Test', credentials: { account_id: 'a', pwd: 'issuer password' } },
    }),
  ]
  expect(made.map(({ status }) => status)).toEqual([200, 200, 200, 202, 202, 200])
  const hsm = { token: tokenOf({ aud: 'https://managedhsm.azure.net' }), version: '7.5' }
  const asHsm = (name: string) => ({ ...hsm, host: `${name}.managedhsm.azure.net` })
  put({ ...HSM, name: 'h2', dataId: 'da7a0000-0000-4000-8000-0000000000f2' })
  const certificates = [makeHolder(), makeHolder(), makeHolder()].map(({ jwk }) => jwk)
  const wrap = { ...asHsm('h1'), body: { certificates } }
  expect((await ask('POST', '/securitydomain/download', wrap)).status).toBe(202)
  expect((await ask('GET', '/securitydomain/upload', asHsm('h2'))).status).toBe(200)
}

test('each declared column is there, and each value opens at the place that it declares', async () => {
  const vault = await startVault()
  await fill(vault)
  const counts: Record<string, number> = {}
  for (const column of vaultSealedColumns) {
    for await (const batch of storedValues(vault.db, column)) {
      for (const { row, scope, sealed } of batch) {
        const sealer = await vault.sealer.scope(scope)
        expect(sealer.openBytes(column.place(row), sealed).open().length).toBeGreaterThan(0)
        counts[column.table] = (counts[column.table] ?? 0) + 1
      }
    }
  }
  expect(Object.keys(counts).sort()).toEqual(vaultSealedColumns.map(({ table }) => table).sort())
  await vault.close()
})

test('values get a new data key while a vault serves, and the old one goes a day later', async () => {
  const vault = await startVault()
  const { ask, clock, folder } = vault
  await fill(vault)
  const [first] = (await ask('GET', '/secrets/db/versions')).body.value as { id: string }[]
  const before = await ask('GET', '/secrets/db')
  const db = await openTestDatabase<unknown>(path.join(folder, 'sluice.db'))
  const change = {
    dataDirectory: folder,
    db,
    sealer: new Sealer(db, loadRootKey(folder), clock.nowMs),
    columns: vaultSealedColumns,
    nowMs: clock.nowMs,
    // What the running vault does each second.
    wait: async (ms: number) => {
      await caughtUp(vault.db)
      await vault.sealer.refresh()
      clock.moveMs(ms)
    },
  }
  const scope = `vault:${VAULT.dataId}`
  const changed = await changeDataKeys({ ...change, scope })
  expect(changed).toEqual({ dataKeys: 1, values: 8, damaged: 0, retired: 1, dropped: 0 })

  expect((await ask('GET', '/secrets/db')).body).toEqual(before.body)
  expect((await ask('GET', new URL(first?.id ?? '').pathname)).status).toBe(200)
  await ask('PUT', '/secrets/later', { body: { value: 'three' } })
  expect((await ask('GET', '/secrets/later')).body.value).toBe('three')
  const keys = () =>
    db.all({ sql: `select id from data_key where scope = '${scope}'`, bind: () => [] }, {})
  expect(await keys()).toHaveLength(2)

  clock.moveMs(86_400_000)
  const again = await changeDataKeys({ ...change, scope })
  expect(again).toMatchObject({ values: 9, damaged: 0, retired: 1, dropped: 1 })
  expect(await keys()).toHaveLength(2)
  const token = tokenOf({ exp: clock.nowMs() / 1000 + 60 })
  expect((await ask('GET', '/secrets/later', { token })).body.value).toBe('three')
  await db.close()
  await vault.close()
})

test('a value that was damaged is counted and keeps its data key', async () => {
  const vault = await startVault()
  const { ask, clock, folder, db } = vault
  await ask('PUT', '/secrets/a', { body: { value: 'one' } })
  await ask('PUT', '/secrets/b', { body: { value: 'two' } })
  const sql = `update vault_object_version set sealed = (select sealed from vault_object_version order by id limit 1)`
  await db.write((tx) => tx.run({ sql, bind: () => [] }, undefined))
  const changed = await changeDataKeys({
    dataDirectory: folder,
    db,
    sealer: vault.sealer,
    columns: vaultSealedColumns,
    nowMs: clock.nowMs,
    wait: async (ms) => clock.moveMs(ms),
  })
  expect(changed).toMatchObject({ values: 1, damaged: 1, retired: 0 })
  await vault.close()
})
