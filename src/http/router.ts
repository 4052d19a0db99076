import type { Operation } from './operation.ts'

/** The operation a path means, with what stood for its `:names` and its `*`. */
export interface Route<Context> {
  readonly operation: Operation<Context>
  readonly params: Readonly<Record<string, string | undefined>>
}

interface Branch<Context> {
  readonly fixed: Map<string, Branch<Context>>
  any?: Branch<Context>
  operation?: Operation<Context>
  /** Of a path that ends in `*` here. */
  rest?: Operation<Context>
}

/**
 * Finds operations by method and path: without case, with doubled and trailing slashes ignored. A
 * fixed segment is preferred to a `:name`, that to a `*`. Undefined when none fits, which is also
 * said of a path whose percent signs are no encoding.
 */
export function createRouter<Context>(
  operations: readonly Operation<Context>[],
): (method: string, path: string) => Route<Context> | undefined {
  const roots = new Map<string, Branch<Context>>()
  const names = new Map<Operation<Context>, readonly string[]>()
  for (const operation of operations) {
    const root = roots.get(operation.method) ?? { fixed: new Map() }
    roots.set(operation.method, root)
    names.set(operation, grow(root, operation))
  }
  return (method, path) => {
    const root = roots.get(method)
    const segments = root && toSegments(path)
    if (!root || !segments) return undefined
    const values: string[] = []
    const operation = walk(root, segments, 0, values)
    if (!operation) return undefined
    const params: Record<string, string> = {}
    const given = names.get(operation) ?? []
    for (let i = 0; i < values.length; i += 1) params[given[i] ?? ''] = values[i] ?? ''
    return { operation, params }
  }
}

/** Adds an operation; gives the names of its parameters in their order. */
function grow<Context>(root: Branch<Context>, operation: Operation<Context>): readonly string[] {
  const names: string[] = []
  let branch = root
  for (const segment of operation.path.split('/').filter((text) => text !== '')) {
    if (segment === '*') {
      branch.rest = claim(branch.rest, operation)
      return [...names, '*']
    }
    const name = /^:(.+?)(\?)?$/.exec(segment)
    if (name?.[2]) branch.operation = claim(branch.operation, operation)
    let next = name ? branch.any : branch.fixed.get(segment.toLowerCase())
    next ??= { fixed: new Map() }
    if (name) branch.any = next
    else branch.fixed.set(segment.toLowerCase(), next)
    if (name) names.push(name[1] ?? '')
    branch = next
  }
  branch.operation = claim(branch.operation, operation)
  return names
}

function claim<Context>(
  holder: Operation<Context> | undefined,
  operation: Operation<Context>,
): Operation<Context> {
  if (!holder) return operation
  throw new Error(`${operation.name} and ${holder.name} have the same method and path.`)
}

function walk<Context>(
  branch: Branch<Context>,
  segments: readonly string[],
  at: number,
  values: string[],
): Operation<Context> | undefined {
  const segment = segments[at]
  if (segment === undefined) return branch.operation
  const fixed = branch.fixed.get(segment.toLowerCase())
  const found = fixed && walk(fixed, segments, at + 1, values)
  if (found) return found
  const kept = values.length
  if (branch.any) {
    values.push(segment)
    const named = walk(branch.any, segments, at + 1, values)
    if (named) return named
    values.length = kept
  }
  if (branch.rest) values.push(segments.slice(at).join('/'))
  return branch.rest
}

function toSegments(path: string): readonly string[] | undefined {
  const segments: string[] = []
  for (let start = 0; start < path.length; ) {
    const slash = path.indexOf('/', start)
    const end = slash < 0 ? path.length : slash
    if (end > start) segments.push(path.slice(start, end))
    start = end + 1
  }
  if (!path.includes('%')) return segments
  try {
    return segments.map(decodeURIComponent)
  } catch {
    return undefined
  }
}
