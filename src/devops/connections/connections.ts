import { newGuid } from '../../base/ids.ts'
import { findString, isObject, readObject, readString, readStringMap } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import { memberOf } from '../wire/wire-values.ts'
import { findConnection, type ServiceConnection, writeConnection } from './connections-store.ts'

/** Parameters that are shown; every other one is sealed, whatever its name. */
const OPEN_PARAMETERS = new Set([
  'tenantid',
  'serviceprincipalid',
  'authenticationtype',
  'scope',
  'username',
  'url',
  'role',
  'accesstokentype',
  'msiclientid',
  'workloadidentityfederationissuer',
  'workloadidentityfederationsubject',
  'workloadidentityfederationissuertype',
  'cluster',
  'registry',
  'email',
])

const SECRETS_OF_PRINCIPAL = ['serviceprincipalkey', 'serviceprincipalcertificate']

/** A connection as a caller describes it. */
export interface ConnectionWish {
  readonly name: string
  readonly type: string
  readonly url: string
  readonly description: string
  readonly scheme: string
  readonly data: Readonly<Record<string, string>>
  readonly parameters: Readonly<Record<string, string>>
  readonly secrets: Readonly<Record<string, Sealed>>
  /** Secrets named without value: what is stored stays. */
  readonly keptSecrets: readonly string[]
}

/** Reads a body of POST or PUT (facts: integration §3.1). @throws Fault `ConnectionWrong`, `JsonWrong` */
export function readConnectionWish(body: unknown): ConnectionWish {
  if (!isObject(body)) {
    throw fault('ConnectionWrong', 'Value cannot be null.\r\nParameter name: endpoint')
  }
  const required = (name: string) => {
    const text = findString(memberOf(body, name), name) ?? ''
    if (text.trim() !== '') return text
    throw fault('ConnectionWrong', `Value cannot be null.\r\nParameter name: endpoint.${name}`)
  }
  const authorization = readObject(memberOf(body, 'authorization') ?? {}, 'authorization')
  const scheme = readString(memberOf(authorization, 'scheme') ?? '', 'authorization.scheme')
  if (scheme === '') {
    throw fault(
      'ConnectionWrong',
      'Value cannot be null.\r\nParameter name: endpoint.authorization.scheme',
    )
  }
  const type = required('type')
  const isAzure = type.toLowerCase() === 'azurerm'
  return {
    name: required('name'),
    type: isAzure ? 'azurerm' : type,
    url: isAzure
      ? (findString(memberOf(body, 'url'), 'url') ?? 'https://management.azure.com/')
      : required('url'),
    description: findString(memberOf(body, 'description'), 'description') ?? '',
    scheme,
    data: readStringMap(memberOf(body, 'data') ?? {}, 'data'),
    ...splitParameters(readObject(memberOf(authorization, 'parameters') ?? {}, 'parameters')),
  }
}

function splitParameters(given: Readonly<Record<string, unknown>>) {
  const parameters: Record<string, string> = {}
  const secrets: Record<string, Sealed> = {}
  const keptSecrets: string[] = []
  for (const [name, value] of Object.entries(given)) {
    const text = findString(value, `authorization.parameters.${name}`)
    if (OPEN_PARAMETERS.has(name.toLowerCase())) {
      if (text !== undefined) parameters[name] = text
    } else if (text === undefined) keptSecrets.push(name.toLowerCase())
    else if (text !== '') secrets[name.toLowerCase()] = new Sealed(text)
  }
  return { parameters, secrets, keptSecrets }
}

/** Whether runs can use a connection, and the reason when they cannot. */
export function readiness(connection: ServiceConnection): { isReady: boolean; message: string } {
  const { type, scheme, parameters, secretNames } = connection
  if (type !== 'azurerm') return { isReady: true, message: '' }
  if (scheme.toLowerCase() !== 'serviceprincipal') {
    const message = `The authentication scheme ${scheme} is stored, but runs cannot use it yet. Use ServicePrincipal with a key.`
    return { isReady: false, message }
  }
  const has = (wanted: string) =>
    Object.entries(parameters).some(
      ([name, value]) => name.toLowerCase() === wanted && value !== '',
    )
  const missing = [
    ...['tenantid', 'serviceprincipalid'].filter((name) => !has(name)),
    ...(SECRETS_OF_PRINCIPAL.some((name) => secretNames.includes(name))
      ? []
      : ['serviceprincipalkey']),
  ]
  if (missing.length === 0) return { isReady: true, message: '' }
  const message = `The connection has no ${missing.join(', no ')}. Automatic creation is not supported yet: give them.`
  return { isReady: false, message }
}

/**
 * Writes a connection: a new one, or in place of `former`.
 *
 * @throws Fault `ConnectionExists` when the project has the name
 */
export async function putConnection(
  devops: Devops,
  wish: ConnectionWish,
  place: { readonly projectId: string; readonly authorId: string; readonly id?: string },
  former?: ServiceConnection,
): Promise<ServiceConnection> {
  return devops.db.write(async (tx) => {
    const same = await findConnection(tx.query, place.projectId, wish.name)
    if (same && same.id !== former?.id) {
      throw fault(
        'ConnectionExists',
        `Service connection with name ${wish.name} already exists. Only a user having Administrator/User role permissions on service connection ${wish.name} can see it.`,
      )
    }
    const kept = (former?.secretNames ?? []).filter((name) => wish.keptSecrets.includes(name))
    const { name, type, url, description, scheme, data, parameters } = wish
    const connection: ServiceConnection = {
      id: former?.id ?? place.id ?? newGuid(),
      projectId: place.projectId,
      name,
      type,
      url,
      description,
      scheme,
      data,
      parameters,
      secretNames: [...new Set([...kept, ...Object.keys(wish.secrets)])],
      isShared: false,
      createdBy: former?.createdBy ?? place.authorId,
      createdAtMs: former?.createdAtMs ?? devops.clock.nowMs(),
    }
    await writeConnection(tx, devops.sealer, connection, wish.secrets)
    return connection
  })
}
