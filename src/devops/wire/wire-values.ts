import { isObject, type JsonObject } from '../../base/json.ts'
import { json, type Reply, type ReplyHeaders } from '../../http/reply.ts'
import { fault } from '../faults.ts'
import type { Member } from '../organisation/members-store.ts'
import type { Project } from '../organisation/projects-store.ts'

/** `2026-01-02T03:04:05.12Z`: zeros at the end of the fraction are left out. */
export function toDate(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.?0+Z$/, 'Z')
}

/** A list as the service answers it. */
export function listReply(value: readonly unknown[], headers?: ReplyHeaders): Reply {
  return json(200, { count: value.length, value }, headers)
}

/** A member whatever its case; the service reads bodies so. */
export function memberOf(object: JsonObject, name: string): unknown {
  if (name in object) return object[name]
  const key = Object.keys(object).find((held) => held.toLowerCase() === name.toLowerCase())
  return key === undefined ? undefined : object[key]
}

/** Someone, with the names that are known. */
export function identityRef(id: string, members: readonly Member[]) {
  const name = members.find(({ principalId }) => principalId === id.toLowerCase())?.name
  return { id, displayName: name ?? null, uniqueName: name ?? null }
}

/** A project as other things name it. */
export function projectRef(project: Project) {
  return { id: project.id, name: project.name }
}

/** A positive whole number of a route or query. @throws Fault `ResourceWrong` */
export function readId(text: string, what: string): number {
  const id = Number(text)
  if (Number.isSafeInteger(id) && id > 0) return id
  throw fault('ResourceWrong', `'${text}' is not a valid ${what}.`)
}

/** The query's `$top` or another count; undefined when it is absent. @throws Fault `ResourceWrong` */
export function findCount(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name)
  return text === null || text === '' ? undefined : readId(text, name)
}

/** Items of a query parameter that holds a list: `a,b`. */
export function findList(query: URLSearchParams, name: string): readonly string[] | undefined {
  const text = query.get(name)
  if (text === null || text === '') return undefined
  return text.split(',').map((item) => item.trim())
}

/** A JSON body that must be an object. @throws Fault `ResourceWrong` naming the service's parameter */
export function readBodyObject(body: unknown, parameter: string): JsonObject {
  if (isObject(body)) return body
  throw fault('ResourceWrong', `Value cannot be null.\r\nParameter name: ${parameter}`)
}
