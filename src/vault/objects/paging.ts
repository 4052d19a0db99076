import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { Call } from '../../http/call.ts'
import { json, type Reply } from '../../http/reply.ts'
import type { VaultCall } from '../context.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { VersionFacts } from './version.ts'

const PAGE_LIMIT = 25

/** Lists of objects go by the lower-case name, so that inserts between two pages disturb nothing. */
export const byName = ({ name }: VersionFacts): string => name.toLowerCase()

interface Page<Item> {
  readonly items: readonly Item[]
  /** Where the next page begins, or undefined after the last. */
  readonly next: string | undefined
}

/**
 * Answers one page of a list. `load` gets the marker of the last item shown before ('' at first)
 * and how many rows to read; `markerOf` names an item for the next page. `path` is the list's own.
 *
 * @throws Fault `ParameterWrong` for `maxresults` outside 1..25 or a foreign `$skiptoken`
 */
export async function replyPage<Item>(
  call: Call<unknown>,
  context: VaultCall,
  list: {
    readonly path: string
    readonly load: (after: string, limit: number) => Promise<readonly Item[]>
    readonly markerOf: (item: Item) => string
    readonly toWire: (item: Item) => object
    /** More of the query that the next page needs: `&name=value`. */
    readonly more?: string
  },
): Promise<Reply> {
  const maxResults = readMaxResults(call.query)
  const size = maxResults ?? PAGE_LIMIT
  const loaded = await list.load(readSkipToken(call.query), size + 1)
  const items = loaded.slice(0, size)
  const last = items.at(-1)
  const page: Page<Item> = {
    items,
    next: loaded.length > size && last !== undefined ? list.markerOf(last) : undefined,
  }
  return json(200, {
    value: page.items.map(list.toWire),
    nextLink: page.next === undefined ? null : nextLink(context, list, page.next, maxResults),
  })
}

/** Always with a port: `:443` when the client's host has none (key-vault.md §5.1). */
function nextLink(
  context: VaultCall,
  list: { readonly path: string; readonly more?: string },
  marker: string,
  maxResults: number | undefined,
): string {
  const origin = /:\d+$/.test(context.uri) ? context.uri : `${context.uri}:443`
  const token = Buffer.from(JSON.stringify({ NextMarker: marker, TargetLocation: 0 }))
  const size = maxResults === undefined ? '' : `&maxresults=${maxResults}`
  return `${origin}${list.path}?api-version=${context.apiVersion}&$skiptoken=${token.toString('base64url')}${size}${list.more ?? ''}`
}

function readMaxResults(query: URLSearchParams): number | undefined {
  const text = query.get('maxresults')
  if (text === null || text === '') return undefined
  const count = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= PAGE_LIMIT) return count
  throw new Fault<VaultFaultCode>(
    'ParameterWrong',
    `The value ${text} of maxresults is not allowed. It must be a number from 1 to 25.`,
  )
}

function readSkipToken(query: URLSearchParams): string {
  const token = query.get('$skiptoken')
  if (!token) return ''
  try {
    const parsed: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'))
    if (isObject(parsed) && typeof parsed['NextMarker'] === 'string') return parsed['NextMarker']
  } catch {
    // Falls to the refusal below.
  }
  throw new Fault<VaultFaultCode>('ParameterWrong', 'The $skiptoken was not made by this vault.')
}
