import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import type { Principal } from '../http/principal.ts'
import { objectNotFound } from './graph-faults.ts'
import type { Application, ServicePrincipal } from './model.ts'
import type { DirectoryStore } from './store.ts'

/** What the directory's operations work on. */
export interface GraphContext {
  readonly store: DirectoryStore
  readonly clock: Clock
  readonly caller: Principal
}

/** Alternate keys arrive as `appId=…` after the service's rewriting. */
const BY_APP_ID = 'appid='

/** The objects of the caller's directory: nobody sees another one's. */
export function listOwn<Item extends { readonly tenantId: string }>(
  caller: Principal,
  items: readonly Item[],
): Item[] {
  return items.filter((item) => item.tenantId === caller.tenantId)
}

/** By object id or `appId=…`. @throws Fault `GraphObjectNotFound` */
export function readApplication({ store, caller }: GraphContext, key: string): Application {
  const name = key.toLowerCase()
  const found = name.startsWith(BY_APP_ID)
    ? store.applicationsByAppId.list(name.slice(BY_APP_ID.length))[0]
    : store.applications.find(name)
  if (found?.tenantId !== caller.tenantId) throw objectNotFound(key.replace(/^appId=/i, ''))
  return found
}

/** By object id or `appId=…`. @throws Fault `GraphObjectNotFound` */
export function readServicePrincipal(
  { store, caller }: GraphContext,
  key: string,
): ServicePrincipal {
  const name = key.toLowerCase()
  const found = name.startsWith(BY_APP_ID)
    ? listOwn(caller, store.servicePrincipalsByAppId.list(name.slice(BY_APP_ID.length)))[0]
    : store.servicePrincipals.find(name)
  if (found?.tenantId !== caller.tenantId) throw objectNotFound(key.replace(/^appId=/i, ''))
  return found
}

/** The body as an object. @throws Fault `GraphBodyWrong` */
export async function readBody(call: Call<unknown>): Promise<JsonObject> {
  const body = await call.readJson()
  if (isObject(body)) return body
  throw bodyWrong('A JSON object is needed as the body of the request.')
}

/** @throws Fault `GraphBodyWrong` when the member is absent, empty or no text */
export function requireText(body: JsonObject, name: string): string {
  const value = body[name]
  if (typeof value === 'string' && value.trim() !== '') return value
  throw bodyWrong(`A value is required for property '${name}' of the resource.`)
}

/** Texts of an array member; undefined when it is absent. @throws Fault `GraphBodyWrong` */
export function findTexts(body: JsonObject, name: string): readonly string[] | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
  throw bodyWrong(`Property '${name}' must be a list of texts.`)
}

/** A time in ISO 8601; undefined when it is absent. @throws Fault `GraphBodyWrong` */
export function findTimeMs(body: JsonObject, name: string): number | undefined {
  const value = body[name]
  if (value === undefined || value === null) return undefined
  const timeMs = typeof value === 'string' ? Date.parse(value) : Number.NaN
  if (Number.isFinite(timeMs)) return timeMs
  throw bodyWrong(`Property '${name}' must be a time, for example 2030-01-31T12:00:00Z.`)
}

export function bodyWrong(message: string): Fault<'GraphBodyWrong'> {
  return new Fault('GraphBodyWrong', message)
}
