import { Fault } from '../base/fault.ts'
import { isObject, type JsonObject, readString } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json } from '../http/reply.ts'
import {
  addFederatedCredential,
  addPassword,
  createApplication,
  deleteApplication,
  toKeyCredential,
} from './directory.ts'
import {
  bodyWrong,
  findTexts,
  findTimeMs,
  type GraphContext,
  listOwn,
  readApplication,
  readBody,
  requireText,
} from './graph-context.ts'
import { objectNotFound } from './graph-faults.ts'
import { answerCollection, answerObject } from './graph-lists.ts'
import { toApplicationBody, toFederatedBody, toPasswordBody } from './graph-shapes.ts'
import type { Application, KeyCredential } from './model.ts'

const graphOperation = operation<GraphContext>()

/** Members that are kept as they were sent. */
const SETTINGS = [
  'api',
  'appRoles',
  'description',
  'isFallbackPublicClient',
  'notes',
  'optionalClaims',
  'publicClient',
  'requiredResourceAccess',
  'signInAudience',
  'spa',
  'tags',
  'web',
]

/** Application registrations and their credentials. */
export const applicationOperations: readonly Operation<GraphContext>[] = [
  graphOperation(
    'ListApplications',
    { method: 'GET', path: '/applications' },
    (call, { store, caller }) =>
      answerCollection(
        call,
        'applications',
        listOwn(caller, store.applications.list()).map((one) => toApplicationBody(store, one)),
      ),
  ),
  graphOperation('GetApplication', { method: 'GET', path: '/applications/:id' }, (call, context) =>
    answerApplication(call, context, readApplication(context, call.params.id)),
  ),
  graphOperation(
    'CreateApplication',
    { method: 'POST', path: '/applications', permission: 'write' },
    async (call, context) => {
      const body = await readBody(call)
      const application = await createApplication(
        context.store,
        {
          tenantId: context.caller.tenantId,
          displayName: requireText(body, 'displayName'),
          identifierUris: findTexts(body, 'identifierUris') ?? [],
          settings: settingsOf(body),
        },
        context.clock.nowMs(),
      )
      await replaceKeys(context, application, body['keyCredentials'])
      return answerApplication(call, context, application, 201)
    },
  ),
  graphOperation(
    'UpdateApplication',
    { method: 'PATCH', path: '/applications/:id', permission: 'write' },
    async (call, context) => {
      const application = readApplication(context, call.params.id)
      const body = await readBody(call)
      await updateApplication(context, application, body)
      return empty(204)
    },
  ),
  graphOperation(
    'DeleteApplication',
    { method: 'DELETE', path: '/applications/:id', permission: 'write' },
    async (call, context) => {
      await deleteApplication(context.store, readApplication(context, call.params.id).id)
      return empty(204)
    },
  ),
  graphOperation(
    'AddPassword',
    { method: 'POST', path: '/applications/:id/addPassword', permission: 'write' },
    async (call, context) => {
      const { store, clock } = context
      const application = readApplication(context, call.params.id)
      const body = await call.readJson()
      const wanted =
        isObject(body) && isObject(body['passwordCredential']) ? body['passwordCredential'] : {}
      const name = wanted['displayName']
      const { secret, credential } = await addPassword(
        store,
        {
          ownerId: application.id,
          displayName: typeof name === 'string' ? name : undefined,
          startsAtMs: findTimeMs(wanted, 'startDateTime'),
          endsAtMs: findTimeMs(wanted, 'endDateTime'),
        },
        clock.nowMs(),
      )
      return json(200, {
        '@odata.context': `${call.origin}/v1.0/$metadata#microsoft.graph.passwordCredential`,
        ...toPasswordBody(credential),
        secretText: secret.open(),
      })
    },
  ),
  graphOperation(
    'RemovePassword',
    { method: 'POST', path: '/applications/:id/removePassword', permission: 'write' },
    async (call, context) => {
      const { store } = context
      const application = readApplication(context, call.params.id)
      const keyId = requireText(await readBody(call), 'keyId')
      const held = store.passwordsOf.list(application.id)
      if (!held.some((credential) => credential.keyId === keyId)) {
        throw bodyWrong(`No password credential found with keyId '${keyId}'.`)
      }
      await store.mirrors.write((changes) => changes.remove(store.passwords, keyId))
      return empty(204)
    },
  ),
]

/** Trust in other issuers' tokens. */
export const federatedOperations: readonly Operation<GraphContext>[] = [
  graphOperation(
    'ListFederatedIdentityCredentials',
    { method: 'GET', path: '/applications/:id/federatedIdentityCredentials' },
    (call, context) => {
      const { store } = context
      const { id } = readApplication(context, call.params.id)
      const path = `applications/${id}/federatedIdentityCredentials`
      return answerCollection(call, path, store.federatedOf.list(id).map(toFederatedBody))
    },
  ),
  graphOperation(
    'GetFederatedIdentityCredential',
    { method: 'GET', path: '/applications/:id/federatedIdentityCredentials/:key' },
    (call, context) => {
      const found = readFederated(context, call.params.id, call.params.key)
      return answerObject(call, 'federatedIdentityCredentials', toFederatedBody(found))
    },
  ),
  graphOperation(
    'CreateFederatedIdentityCredential',
    {
      method: 'POST',
      path: '/applications/:id/federatedIdentityCredentials',
      permission: 'write',
    },
    async (call, context) => {
      const { store } = context
      const { id } = readApplication(context, call.params.id)
      const wanted = readFederatedBody(await readBody(call))
      const created = await addFederatedCredential(store, { ...wanted, ownerId: id })
      return answerObject(call, 'federatedIdentityCredentials', toFederatedBody(created), 201)
    },
  ),
  graphOperation(
    'UpdateFederatedIdentityCredential',
    {
      method: 'PATCH',
      path: '/applications/:id/federatedIdentityCredentials/:key',
      permission: 'write',
    },
    async (call, context) => {
      const found = readFederated(context, call.params.id, call.params.key)
      const before = toFederatedBody(found)
      const changed = readFederatedBody({ ...before, ...(await readBody(call)), name: found.name })
      const { store } = context
      await store.mirrors.write((changes) => changes.put(store.federated, { ...found, ...changed }))
      return empty(204)
    },
  ),
  graphOperation(
    'DeleteFederatedIdentityCredential',
    {
      method: 'DELETE',
      path: '/applications/:id/federatedIdentityCredentials/:key',
      permission: 'write',
    },
    async (call, context) => {
      const found = readFederated(context, call.params.id, call.params.key)
      const { store } = context
      await store.mirrors.write((changes) => changes.remove(store.federated, found.id))
      return empty(204)
    },
  ),
]

function answerApplication(
  call: Call<unknown>,
  { store }: GraphContext,
  application: Application,
  status = 200,
) {
  return answerObject(call, 'applications', toApplicationBody(store, application), status)
}

function settingsOf(body: JsonObject): JsonObject {
  return Object.fromEntries(
    SETTINGS.filter((name) => body[name] !== undefined).map((name) => [name, body[name]]),
  )
}

async function updateApplication(
  context: GraphContext,
  application: Application,
  body: JsonObject,
): Promise<void> {
  const { store } = context
  const updated: Application = {
    ...application,
    displayName:
      body['displayName'] === undefined
        ? application.displayName
        : requireText(body, 'displayName'),
    identifierUris: findTexts(body, 'identifierUris') ?? application.identifierUris,
    settings: { ...application.settings, ...settingsOf(body) },
  }
  const passwords = body['passwordCredentials']
  const keptIds = Array.isArray(passwords)
    ? passwords.map((one) => (isObject(one) ? String(one['keyId']) : ''))
    : undefined
  await store.mirrors.write(async (changes) => {
    await changes.put(store.applications, updated)
    if (!keptIds) return
    for (const { keyId } of await changes.list(store.passwords, 'owner_id', application.id)) {
      if (!keptIds.includes(keyId)) await changes.remove(store.passwords, keyId)
    }
  })
  await replaceKeys(context, application, body['keyCredentials'])
}

/** A credential with `key` is new; one with only a known `keyId` stays; the rest go. */
async function replaceKeys(
  { store }: GraphContext,
  application: Application,
  list: unknown,
): Promise<void> {
  if (list === undefined || list === null) return
  if (!Array.isArray(list)) throw bodyWrong("Property 'keyCredentials' must be a list.")
  const held = store.keysOf.list(application.id)
  const wanted = list.map((one): KeyCredential => {
    if (!isObject(one)) throw bodyWrong("Property 'keyCredentials' must be a list of objects.")
    const keyId = typeof one['keyId'] === 'string' ? one['keyId'] : undefined
    if (typeof one['key'] !== 'string') {
      const kept = held.find((credential) => credential.keyId === keyId)
      if (kept) return kept
      throw new Fault('CertificateWrong', 'A key credential needs its certificate in key, base64.')
    }
    const name = typeof one['displayName'] === 'string' ? one['displayName'] : undefined
    const certificate = Buffer.from(one['key'], 'base64')
    return toKeyCredential(application.id, certificate, { keyId, displayName: name })
  })
  await store.mirrors.write(async (changes) => {
    for (const { keyId } of await changes.list(store.keys, 'owner_id', application.id)) {
      await changes.remove(store.keys, keyId)
    }
    for (const credential of wanted) await changes.put(store.keys, credential)
  })
}

function readFederated(context: GraphContext, applicationKey: string, key: string) {
  const { id } = readApplication(context, applicationKey)
  const found = context.store.federatedOf.list(id).find((one) => one.id === key || one.name === key)
  if (!found) throw objectNotFound(key)
  return found
}

function readFederatedBody(body: JsonObject) {
  const audiences = findTexts(body, 'audiences') ?? []
  const [audience, ...more] = audiences
  if (audience === undefined || more.length > 0) {
    throw bodyWrong('FederatedIdentityCredential must have exactly one audience.')
  }
  const issuer = requireText(body, 'issuer')
  if (!URL.canParse(issuer) || issuer.length > 600) {
    throw bodyWrong('Property issuer must be a URL of at most 600 characters.')
  }
  const name = requireText(body, 'name')
  if (!/^[A-Za-z0-9_-][\w-]{2,119}$/.test(name)) {
    throw bodyWrong('Property name must have 3 to 120 letters, digits, dashes or underscores.')
  }
  const description = body['description']
  return {
    name,
    issuer,
    subject: requireText(body, 'subject'),
    audience,
    description:
      description === undefined || description === null
        ? undefined
        : readString(description, 'description'),
  }
}
