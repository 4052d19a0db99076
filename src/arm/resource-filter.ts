import { armFault } from './wire-faults.ts'

/** What `$filter` of resource lists looks at. */
export interface Filterable {
  readonly type: string
  readonly name: string
  readonly group: string
  readonly location: string
  readonly tags: Readonly<Record<string, string>>
}

const CLAUSE =
  /^(resourceType|name|resourceGroup|location|tagName|tagValue) +eq +'((?:[^']|'')*)'$/i

/**
 * Compiles `resourceType eq '…' and name eq '…'` and its like; without a filter all pass.
 *
 * @throws Fault `InvalidFilterInQueryString` for anything else
 */
export function compileResourceFilter(filter: string | null): (item: Filterable) => boolean {
  if (!filter?.trim()) return () => true
  const clauses = new Map<string, string>()
  for (const text of filter.split(/ +and +/i)) {
    const [, name = '', value = ''] = CLAUSE.exec(text.trim()) ?? []
    if (!name) {
      throw armFault(
        'InvalidFilterInQueryString',
        `Invalid $filter '${filter.slice(0, 200)}' specified in the query string.`,
      )
    }
    clauses.set(name.toLowerCase(), value.replaceAll("''", "'").toLowerCase())
  }
  return (item) => [...clauses].every(([name, value]) => matches(item, name, value, clauses))
}

function matches(
  item: Filterable,
  name: string,
  value: string,
  clauses: ReadonlyMap<string, string>,
): boolean {
  if (name === 'resourcetype') return item.type.toLowerCase() === value
  if (name === 'name') return item.name.toLowerCase() === value
  if (name === 'resourcegroup') return item.group.toLowerCase() === value
  if (name === 'location') return item.location === value.replaceAll(' ', '')
  const tagName = clauses.get('tagname')
  const tagValue = clauses.get('tagvalue')
  return Object.entries(item.tags).some(
    ([tag, held]) =>
      (tagName === undefined || tag.toLowerCase() === tagName) &&
      (tagValue === undefined || held.toLowerCase() === tagValue),
  )
}
