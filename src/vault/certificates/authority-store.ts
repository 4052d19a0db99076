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

export async function findSetting(rows: Rows, where: Where): Promise<Setting | undefined> {
  const [row] = await rows.all(settingByName, where)
  return row && fromRow(row)
}

/** An issuer of the vault. @throws Fault `CertificateIssuerNotFound` */
export async function readIssuerSetting(
  rows: Rows,
  call: CertificateCall,
  name: string,
): Promise<Setting> {
  const found = await findSetting(rows, { vault: call.vault.dataId, name: issuerRow(name) })
  if (found) return found
  throw new Fault<VaultFaultCode>('CertificateIssuerNotFound', 'Issuer not found')
}

export async function putSetting(tx: Writing, vault: string, setting: Setting): Promise<void> {
  const { name, body, sealed } = setting
  await tx.run(deleteSetting, { vault, name })
  await tx.run(insertSetting, { vault, name, body: JSON.stringify(body), sealed })
}

export async function dropSetting(tx: Writing, where: Where): Promise<void> {
  await tx.run(deleteSetting, where)
}

/** Issuers in the order of their lower-case names, after one. */
export async function listIssuers(
  rows: Rows,
  vault: string,
  after: string,
  limit: number,
): Promise<Setting[]> {
  const bounds = { vault, after: issuerRow(after), before: 'issuers0', limit }
  return (await rows.all(settingsAfter, bounds)).map(fromRow)
}
