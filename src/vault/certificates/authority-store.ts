import { Fault } from '../../base/fault.ts'
import type { JsonObject } from '../../base/json.ts'
import { statement } from '../../storage/database.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { Rows, Writing } from '../objects/store.ts'
import type { ObjectTables, SettingTable } from '../objects/tables.ts'
import type { CertificateCall } from './certificate.ts'

interface Where {
  readonly vault: string
  readonly name: string
}

export interface Setting {
  readonly name: string
  readonly body: JsonObject
  readonly sealed: Uint8Array | null
}

const ISSUERS = 'issuers/'

const settingByName = statement<ObjectTables, Where, SettingTable>((query, parameter) =>
  query
    .selectFrom('vault_certificate_setting')
    .selectAll()
    .where('vault', '=', parameter<string>('vault'))
    .where('name', '=', parameter<string>('name')),
)

const deleteSetting = statement<ObjectTables, Where>((query, parameter) =>
  query
    .deleteFrom('vault_certificate_setting')
    .where('vault', '=', parameter<string>('vault'))
    .where('name', '=', parameter<string>('name')),
)

const insertSetting = statement<ObjectTables, SettingTable>((query, parameter) =>
  query.insertInto('vault_certificate_setting').values({
    vault: parameter('vault'),
    name: parameter('name'),
    body: parameter('body'),
    sealed: parameter<Uint8Array | null>('sealed'),
  }),
)

const settingsAfter = statement<
  ObjectTables,
  { vault: string; after: string; before: string; limit: number },
  SettingTable
>((query, parameter) =>
  query
    .selectFrom('vault_certificate_setting')
    .selectAll()
    .where('vault', '=', parameter<string>('vault'))
    .where('name', '>', parameter<string>('after'))
    .where('name', '<', parameter<string>('before'))
    .orderBy('name')
    .limit(parameter<number>('limit')),
)

function fromRow(row: SettingTable): Setting {
  return { name: row.name, body: JSON.parse(row.body) as JsonObject, sealed: row.sealed }
}

/** The row name of an issuer. */
export function issuerRow(name: string): string {
  return ISSUERS + name.toLowerCase()
}

export function findSetting(rows: Rows, where: Where): Setting | undefined {
  const row = rows.all(settingByName, where)[0]
  return row && fromRow(row)
}

/** An issuer of the vault. @throws Fault `CertificateIssuerNotFound` */
export function readIssuerSetting(rows: Rows, call: CertificateCall, name: string): Setting {
  const found = findSetting(rows, { vault: call.vault.dataId, name: issuerRow(name) })
  if (found) return found
  throw new Fault<VaultFaultCode>('CertificateIssuerNotFound', 'Issuer not found')
}

export function putSetting(tx: Writing, vault: string, setting: Setting): void {
  const { name, body, sealed } = setting
  tx.run(deleteSetting, { vault, name })
  tx.run(insertSetting, { vault, name, body: JSON.stringify(body), sealed })
}

export function dropSetting(tx: Writing, where: Where): void {
  tx.run(deleteSetting, where)
}

/** Issuers in the order of their lower-case names, after one. */
export function listIssuers(rows: Rows, vault: string, after: string, limit: number): Setting[] {
  const bounds = { vault, after: issuerRow(after), before: 'issuers0', limit }
  return rows.all(settingsAfter, bounds).map(fromRow)
}
