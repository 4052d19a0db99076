import { createRequire } from 'node:module'

const load = createRequire(import.meta.url)

/**
 * The query builder, loaded when the first query is built: its 280 files take 55 ms, and a start
 * needs none of them. Node's own loader keeps it. Import only types from `kysely` itself.
 */
export function kysely(): typeof import('kysely') {
  return load('kysely') as typeof import('kysely')
}
