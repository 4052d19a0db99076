import { toBoolean } from '../schema/formats.ts'
import { type Entry, find, mappingAt, scalarAt, type Token } from '../text/token.ts'
import { itemsOf, textOf } from './read.ts'

/** `phases:` as the `jobs:` they mean: queue and server become pool, strategy and timeouts. */
export function jobsOfPhases(token: Token): Token {
  const items = itemsOf(token).map((item) => {
    if (item.kind !== 'mapping') return item
    return mappingAt(
      item,
      item.entries.flatMap(({ key, value }) => {
        if (key.text === 'phase') return [{ key: { ...key, text: 'job' }, value }]
        if (key.text === 'queue') return fromQueue(key, value)
        if (key.text === 'server') return fromServer(key, value)
        return [{ key, value }]
      }),
    )
  })
  const { source, start, end } = token
  return { kind: 'sequence', source, start, end, items }
}

function fromQueue(key: Entry['key'], queue: Token): readonly Entry[] {
  if (queue.kind !== 'mapping') return [{ key: { ...key, text: 'pool' }, value: queue }]
  const pool = queue.entries.filter((entry) => ['name', 'demands'].includes(entry.key.text))
  const moved = queue.entries.filter((entry) => MOVED.includes(entry.key.text))
  return [
    { key: { ...key, text: 'pool' }, value: mappingAt(queue, pool) },
    ...moved,
    ...strategyOf(key, queue),
  ]
}

const MOVED = ['container', 'workspace', 'timeoutInMinutes', 'cancelTimeoutInMinutes']

function fromServer(key: Entry['key'], server: Token): readonly Entry[] {
  const text = textOf(server)
  if (text !== undefined && toBoolean(text) !== true) return []
  const pool: Entry = { key: { ...key, text: 'pool' }, value: scalarAt(key, 'server') }
  if (server.kind !== 'mapping') return [pool]
  const moved = server.entries.filter((entry) => MOVED.includes(entry.key.text))
  return [pool, ...moved, ...strategyOf(key, server)]
}

/** With a matrix, `parallel` bounds its legs; alone it is a number of copies. */
function strategyOf(key: Entry['key'], from: Token): readonly Entry[] {
  const matrix = find(from, 'matrix')
  const parallel = find(from, 'parallel')
  const entry = (name: string, value: Token): Entry => ({ key: scalarAt(key, name), value })
  const inside = matrix
    ? [entry('matrix', matrix), ...(parallel ? [entry('maxParallel', parallel)] : [])]
    : parallel
      ? [entry('parallel', parallel)]
      : []
  return inside.length > 0 ? [entry('strategy', mappingAt(key, inside))] : []
}
