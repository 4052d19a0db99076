import { Fault } from '../base/fault.ts'
import type { JsonObject } from '../base/json.ts'
import type { Call } from '../http/call.ts'
import { json, type Reply } from '../http/reply.ts'
import { compileFilter } from './graph-filter.ts'

const PAGE_DEFAULT = 100
const PAGE_LIMIT = 999
const UNSUPPORTED = ['$expand', '$search', '$skip', '$apply', '$orderby']

/**
 * Answers a collection: `$filter`, `$select`, `$top`, `$count`, pages by `$skiptoken`.
 *
 * @throws Fault `GraphQueryWrong` for options this service does not have
 */
export function answerCollection(
  call: Call<unknown>,
  collection: string,
  items: JsonObject[],
): Reply {
  const { query } = call
  for (const name of UNSUPPORTED) {
    if (query.has(name)) throw queryWrong(`The query option ${name} is not supported here.`)
  }
  const filter = query.get('$filter')
  const found = filter ? items.filter(compileFilter(filter)) : items
  const size = readTop(query.get('$top'))
  const start = readStart(query.get('$skiptoken'))
  const page = found.slice(start, start + size).map((item) => selectMembers(call, item))
  const next = new URLSearchParams(query)
  next.set('$skiptoken', String(start + size))
  return json(200, {
    '@odata.context': `${call.origin}/v1.0/$metadata#${collection}`,
    ...(query.get('$count') === 'true' && { '@odata.count': found.length }),
    value: page,
    ...(start + size < found.length && {
      '@odata.nextLink': `${call.origin}/v1.0/${collection}?${next}`,
    }),
  })
}

/** Answers one object, with its members of `$select` only when that is given. */
export function answerObject(
  call: Call<unknown>,
  collection: string,
  item: JsonObject,
  status = 200,
): Reply {
  return json(status, {
    '@odata.context': `${call.origin}/v1.0/$metadata#${collection}/$entity`,
    ...selectMembers(call, item),
  })
}

function selectMembers(call: Call<unknown>, item: JsonObject): JsonObject {
  const wanted = call.query.get('$select')
  if (!wanted) return item
  const names = wanted.split(',').map((name) => name.trim())
  return Object.fromEntries(Object.entries(item).filter(([name]) => names.includes(name)))
}

function readTop(text: string | null): number {
  if (text === null) return PAGE_DEFAULT
  const top = Number(text)
  if (Number.isInteger(top) && top >= 1 && top <= PAGE_LIMIT) return top
  throw queryWrong(`The query option $top must be a number from 1 to ${PAGE_LIMIT}.`)
}

function readStart(text: string | null): number {
  const start = Number(text ?? 0)
  if (Number.isInteger(start) && start >= 0) return start
  throw queryWrong('The query option $skiptoken is not one of this service.')
}

function queryWrong(message: string): Fault<'GraphQueryWrong'> {
  return new Fault('GraphQueryWrong', message)
}
