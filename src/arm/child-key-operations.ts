import { isObject, type JsonObject, readObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { json, type Reply } from '../http/reply.ts'
import { type ContainerKind, readActive } from './containers.ts'
import { type ArmContext, findTags, readBody, resourceNotFound } from './context.ts'
import { siblingHost } from './hosts.ts'
import type { StoredResource } from './model.ts'
import type { KeyAsk } from './ports.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
const GROUP = '/subscriptions/:subscription/resourceGroups/:group/providers/Microsoft.KeyVault'

interface KeyPath {
  readonly subscription: string
  readonly group: string
  readonly vault?: string
  readonly hsm?: string
  readonly key?: string
  readonly version?: string
}
type KeyCall = Call<KeyPath>

/** How one kind's child keys are called. */
export interface ChildKeyWords {
  /** What operations begin with. */
  readonly operations: 'Keys' | 'ManagedHsmKeys'
  readonly path: 'vaults/:vault' | 'managedHSMs/:hsm'
  /** The label of the data plane's host. */
  readonly label: 'vault' | 'managedhsm'
}

/** Keys of a vault or a managed HSM as resources: made when absent, read, listed (key-vault.md §18.2, §18.10). */
export function childKeyOperations<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  words: ChildKeyWords,
): readonly Operation<ArmContext>[] {
  const keys = `${GROUP}/${words.path}/keys` as const
  const read = `${kind.type}/keys/read`
  const on = (call: KeyCall, context: ArmContext) => openShelf(kind, words, call, context)
  return [
    armOperation(
      `${words.operations}_CreateIfNotExist`,
      { method: 'PUT', path: `${keys}/:key`, permission: `${kind.type}/keys/write` },
      async (call, context) => {
        const shelf = on(call, context)
        const body = await readBody(call)
        const found = await shelf.find()
        return json(200, shelf.toBody(found ?? (await shelf.make(body))))
      },
    ),
    armOperation(
      `${words.operations}_Get`,
      { method: 'GET', path: `${keys}/:key`, permission: read },
      async (call, context) => readOne(on(call, context)),
    ),
    armOperation(
      `${words.operations}_GetVersion`,
      { method: 'GET', path: `${keys}/:key/versions/:version`, permission: read },
      async (call, context) => readOne(on(call, context)),
    ),
    armOperation(
      `${words.operations}_List`,
      { method: 'GET', path: keys, permission: read },
      async (call, context) => on(call, context).list('GetKeys'),
    ),
    armOperation(
      `${words.operations}_ListVersions`,
      { method: 'GET', path: `${keys}/:key/versions`, permission: read },
      async (call, context) => on(call, context).list('GetKeyVersions'),
    ),
  ]
}

async function readOne(shelf: Shelf): Promise<Reply> {
  const found = await shelf.find()
  if (!found) throw shelf.notFound()
  return json(200, shelf.toBody(found))
}

/** The keys of one container, for one request. */
interface Shelf {
  find(): Promise<JsonObject | undefined>
  make(body: JsonObject): Promise<JsonObject>
  list(operation: 'GetKeys' | 'GetKeyVersions'): Promise<Reply>
  toBody(bundle: JsonObject): JsonObject
  notFound(): Error
}

function openShelf<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  words: ChildKeyWords,
  call: KeyCall,
  context: ArmContext,
): Shelf {
  const { subscription, group, key, version } = call.params
  const name = call.params.vault ?? call.params.hsm ?? ''
  const item = readActive(kind, context.store, { subscription, group, name })
  const ask = (operation: KeyAsk['operation'], more: Partial<KeyAsk> = {}) =>
    context.askKeys({
      caller: context.caller,
      callerAddress: call.callerAddress,
      container: { kind: words.label === 'vault' ? 'vault' : 'managedHsm', name: item.name },
      operation,
      ...(key !== undefined && { name: key }),
      ...(version !== undefined && { version }),
      ...more,
    })
  const uri = `https://${item.name.toLowerCase()}.${siblingHost(call, words.label)}`
  const place = { uri, type: `${kind.type}/keys`, location: item.location }
  const scope = kind.scopeOf(item)
  return {
    find: async () => {
      const reply = await ask('GetKey')
      return reply.status === 404 ? undefined : readReply(reply)
    },
    make: async (body) => readReply(await ask('CreateKey', { body: toCreateBody(body) })),
    list: async (operation) => {
      const token = call.query.get('$skiptoken')
      const reply = await ask(operation, token === null ? {} : { skipToken: token })
      if (reply.status === 404) throw notFoundIn(place.type, name, key ?? '')
      const page = readReply(reply)
      const value = Array.isArray(page['value']) ? page['value'].filter(isObject) : []
      const items = value.map((one) => toKeyBody(one, place, scope, operation === 'GetKeyVersions'))
      return json(200, { value: items, ...nextLinkOf(call, page['nextLink']) })
    },
    toBody: (bundle) => toKeyBody(bundle, place, scope, version !== undefined),
    notFound: () => notFoundIn(place.type, name, key ?? ''),
  }
}

function notFoundIn(type: string, container: string, key: string): Error {
  return resourceNotFound(type, `${container}/${key}`, container)
}

/** The data plane's body, or its refusal in the resource manager's words. */
function readReply({ status, body }: Reply): JsonObject {
  const answer = readObject(body ?? {}, 'The answer')
  if (status < 400) return answer
  const error = isObject(answer['error']) ? answer['error'] : {}
  const code = status === 409 ? 'Conflict' : status === 403 ? 'KeyOperationForbidden' : 'BadRequest'
  throw armFault(code, String(error['message'] ?? '').trim())
}

function nextLinkOf(call: KeyCall, link: unknown): { nextLink?: string } {
  if (typeof link !== 'string') return {}
  const query = new URLSearchParams(call.query)
  query.set('$skiptoken', new URL(link).searchParams.get('$skiptoken') ?? '')
  return { nextLink: `${call.origin}${call.path}?${query}` }
}

/** The data plane's words for the properties of a key resource. */
function toCreateBody(body: JsonObject): JsonObject {
  const properties = readObject(body['properties'] ?? {}, 'properties')
  const { kty, keySize, curveName, keyOps, attributes, release_policy: policy } = properties
  const tags = findTags(body)
  if (typeof kty !== 'string') throw armFault('BadRequest', 'properties.kty must be a key type.')
  return {
    kty,
    ...(keySize !== undefined && { key_size: keySize }),
    ...(curveName !== undefined && { crv: curveName }),
    ...(keyOps !== undefined && { key_ops: keyOps }),
    ...(attributes !== undefined && { attributes }),
    ...(policy !== undefined && { release_policy: policy }),
    ...(tags && { tags }),
  }
}

/** A bundle or an item of the data plane as a resource. */
function toKeyBody(
  bundle: JsonObject,
  place: { readonly uri: string; readonly type: string; readonly location: string },
  scope: string,
  isVersion: boolean,
): JsonObject {
  const jwk = isObject(bundle['key']) ? bundle['key'] : {}
  const kid = String(jwk['kid'] ?? bundle['kid'] ?? '')
  const [, name = '', version] = /\/keys\/([^/]+)(?:\/([^/]+))?$/.exec(kid) ?? []
  const { recoverableDays: _days, ...attributes } = isObject(bundle['attributes'])
    ? bundle['attributes']
    : {}
  const n = typeof jwk['n'] === 'string' ? Buffer.from(jwk['n'], 'base64url').length * 8 : undefined
  return {
    id: `${scope}/keys/${name}${isVersion && version ? `/versions/${version}` : ''}`,
    name: isVersion && version ? version : name,
    type: isVersion ? `${place.type}/versions` : place.type,
    location: place.location,
    ...(isObject(bundle['tags']) && { tags: bundle['tags'] }),
    properties: {
      attributes,
      ...(jwk['kty'] !== undefined && { kty: jwk['kty'], keyOps: jwk['key_ops'] }),
      ...(n !== undefined && { keySize: n }),
      ...(jwk['crv'] !== undefined && { curveName: jwk['crv'] }),
      keyUri: `${place.uri}/keys/${name}`,
      ...(version && { keyUriWithVersion: `${place.uri}/keys/${name}/${version}` }),
    },
  }
}
