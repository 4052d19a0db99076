import { Fault } from '../../base/fault.ts'
import {
  findBoolean,
  findString,
  isObject,
  type JsonObject,
  readArray,
  readObject,
  readString,
} from '../../base/json.ts'
import { json } from '../../http/reply.ts'
import type { VaultCall } from '../context.ts'
import { propertyWrong, type VaultFaultCode } from '../faults.ts'
import { orPropertyWrong, readBody, readName } from '../objects/attributes.ts'
import { replyPage } from '../objects/paging.ts'
import { vaultOperation } from '../operation.ts'
import {
  dropSetting,
  findSetting,
  issuerRow,
  listIssuers,
  putSetting,
  readIssuerSetting,
  type Setting,
} from './authority-store.ts'
import { SELF, UNKNOWN } from './policy.ts'

const CONTACTS = 'contacts'

async function readContacts(vault: VaultCall): Promise<Setting> {
  const found = await findSetting(vault.store.db, { vault: vault.vault.dataId, name: CONTACTS })
  if (found) return found
  throw new Fault<VaultFaultCode>('ContactsNotFound', 'Contacts not found')
}

function toContactsBody(vault: VaultCall, body: JsonObject): object {
  return { id: `${vault.uri}/certificates/contacts`, ...body }
}

const contactsNeed = { policy: 'managecontacts', dataAction: 'certificatecontacts/write' } as const

const getContacts = vaultOperation(
  'GetCertificateContacts',
  { method: 'GET', path: '/certificates/contacts' },
  { ...contactsNeed, audit: 'CertificateContactsGet' },
  async (_call, vault) => json(200, toContactsBody(vault, (await readContacts(vault)).body)),
)

const setContacts = vaultOperation(
  'SetCertificateContacts',
  { method: 'PUT', path: '/certificates/contacts' },
  { ...contactsNeed, audit: 'CertificateContactsSet' },
  async (call, vault) => {
    const given = readBody(await call.readJson())
    const contacts = orPropertyWrong('contacts', () =>
      readArray(given['contacts'], 'contacts').map((item) => {
        const one = readObject(item, 'contacts')
        return {
          email: readString(one['email'], 'email'),
          ...pick(one, ['name', 'phone']),
        }
      }),
    )
    const body = { contacts }
    await vault.store.db.write((tx) =>
      putSetting(tx, vault.vault.dataId, { name: CONTACTS, body, sealed: null }),
    )
    return json(200, toContactsBody(vault, body))
  },
)

const deleteContacts = vaultOperation(
  'DeleteCertificateContacts',
  { method: 'DELETE', path: '/certificates/contacts' },
  { ...contactsNeed, audit: 'CertificateContactsDelete' },
  async (_call, vault) => {
    const { body } = await readContacts(vault)
    await vault.store.db.write((tx) =>
      dropSetting(tx, { vault: vault.vault.dataId, name: CONTACTS }),
    )
    return json(200, toContactsBody(vault, body))
  },
)

/** The text members of these names that are there. @throws Fault `JsonWrong` */
function pick(given: JsonObject, names: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of names) {
    const text = findString(given[name], name)
    if (text !== undefined) found[name] = text
  }
  return found
}

function toIssuerBody(vault: VaultCall, { body }: Setting): object {
  const { name, ...shown } = body
  return { id: `${vault.uri}/certificates/issuers/${name}`, ...shown }
}

/** Where an issuer's password is sealed. */
export function passwordPlace(name: string): string {
  return `certificates/issuers/${name.toLowerCase()}`
}

/** The issuer as a body describes it over the one that was there. The password never comes back. */
function readIssuer(
  vault: VaultCall,
  name: string,
  given: JsonObject,
  before: Setting | undefined,
): Setting {
  return orPropertyWrong('issuer', () => {
    const old = before?.body ?? {}
    const credentials = isObject(given['credentials']) ? given['credentials'] : {}
    const password = findString(credentials['pwd'], 'pwd')
    const account = findString(credentials['account_id'], 'account_id')
    const provider = findString(given['provider'], 'provider') ?? old['provider']
    if (typeof provider !== 'string') throw propertyWrong('provider')
    const organization = readOrganization(given['org_details']) ?? old['org_details']
    const attributes = isObject(given['attributes']) ? given['attributes'] : {}
    const was = isObject(old['attributes']) ? old['attributes'] : {}
    const nowS = Math.floor(vault.nowMs / 1000)
    const body = {
      name: old['name'] ?? name,
      provider,
      credentials: account === undefined ? (old['credentials'] ?? {}) : { account_id: account },
      ...(organization !== undefined && { org_details: organization }),
      attributes: {
        enabled: findBoolean(attributes['enabled'], 'enabled') ?? was['enabled'] ?? true,
        created: was['created'] ?? nowS,
        updated: nowS,
      },
    }
    const sealed =
      password === undefined
        ? (before?.sealed ?? null)
        : vault.scope.seal(passwordPlace(name), password)
    return { name: issuerRow(name), body, sealed }
  })
}

function readOrganization(given: unknown): JsonObject | undefined {
  if (given === undefined || given === null) return undefined
  const organization = readObject(given, 'org_details')
  const admins = organization['admin_details'] ?? []
  return {
    ...pick(organization, ['id']),
    zip: 0,
    admin_details: readArray(admins, 'admin_details').map((item) =>
      pick(readObject(item, 'admin_details'), ['first_name', 'last_name', 'email', 'phone']),
    ),
  }
}

function readIssuerName(name: string): string {
  readName(name)
  const isReserved = [SELF, UNKNOWN].some((known) => known.toLowerCase() === name.toLowerCase())
  if (isReserved) throw propertyWrong('issuer name')
  return name
}

const getIssuers = vaultOperation(
  'GetCertificateIssuers',
  { method: 'GET', path: '/certificates/issuers' },
  {
    policy: 'listissuers',
    alsoPolicy: 'manageissuers',
    dataAction: 'certificatecas/read',
    audit: 'CertificateIssuersList',
  },
  (call, vault) =>
    replyPage(call, vault, {
      path: '/certificates/issuers',
      load: (after, limit) => listIssuers(vault.store.db, vault.vault.dataId, after, limit),
      markerOf: ({ body }) => String(body['name']).toLowerCase(),
      toWire: ({ body }) => ({
        id: `${vault.uri}/certificates/issuers/${body['name']}`,
        provider: body['provider'],
      }),
    }),
)

const getIssuer = vaultOperation(
  'GetCertificateIssuer',
  { method: 'GET', path: '/certificates/issuers/:issuer' },
  {
    policy: 'getissuers',
    alsoPolicy: 'manageissuers',
    dataAction: 'certificatecas/read',
    audit: 'CertificateIssuerGet',
  },
  async ({ params }, vault) =>
    json(200, toIssuerBody(vault, await readIssuerSetting(vault.store.db, vault, params.issuer))),
)

const setIssuer = vaultOperation(
  'SetCertificateIssuer',
  { method: 'PUT', path: '/certificates/issuers/:issuer' },
  {
    policy: 'setissuers',
    dataAction: 'certificatecas/write',
    audit: 'CertificateIssuerSet',
  },
  async (call, vault) => {
    const name = readIssuerName(call.params.issuer)
    const setting = readIssuer(vault, name, readBody(await call.readJson()), undefined)
    await vault.store.db.write((tx) => putSetting(tx, vault.vault.dataId, setting))
    return json(200, toIssuerBody(vault, setting))
  },
)

const updateIssuer = vaultOperation(
  'UpdateCertificateIssuer',
  { method: 'PATCH', path: '/certificates/issuers/:issuer' },
  {
    policy: 'setissuers',
    dataAction: 'certificatecas/write',
    audit: 'CertificateIssuerUpdate',
  },
  async (call, vault) => {
    const name = readIssuerName(call.params.issuer)
    const given = readBody(await call.readJson())
    const setting = await vault.store.db.write(async (tx) => {
      const changed = readIssuer(vault, name, given, await readIssuerSetting(tx, vault, name))
      await putSetting(tx, vault.vault.dataId, changed)
      return changed
    })
    return json(200, toIssuerBody(vault, setting))
  },
)

const deleteIssuer = vaultOperation(
  'DeleteCertificateIssuer',
  { method: 'DELETE', path: '/certificates/issuers/:issuer' },
  {
    policy: 'deleteissuers',
    alsoPolicy: 'manageissuers',
    dataAction: 'certificatecas/delete',
    audit: 'CertificateIssuerDelete',
  },
  async ({ params }, vault) => {
    const setting = await vault.store.db.write(async (tx) => {
      const found = await readIssuerSetting(tx, vault, params.issuer)
      await dropSetting(tx, { vault: vault.vault.dataId, name: found.name })
      return found
    })
    return json(200, toIssuerBody(vault, setting))
  },
)

/** Contacts and issuers of a vault (key-vault.md §10.6). */
export const authorityOperations = [
  getContacts,
  setContacts,
  deleteContacts,
  getIssuers,
  getIssuer,
  setIssuer,
  updateIssuer,
  deleteIssuer,
]
