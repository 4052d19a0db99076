import type { PlanResource, PlanResources } from '../plan.ts'
import type { Sink } from '../sink.ts'
import { placeOf } from '../text/source.ts'
import { find, type Token } from '../text/token.ts'
import { headOf, itemsOf, textAt, toJson } from './read.ts'

/** No resources at all. */
export const noResources: PlanResources = {
  repositories: [],
  pipelines: [],
  containers: [],
  builds: [],
  packages: [],
  webhooks: [],
}

const KINDS = [
  ['repositories', 'repository'],
  ['pipelines', 'pipeline'],
  ['containers', 'container'],
  ['builds', 'build'],
  ['packages', 'package'],
  ['webhooks', 'webhook'],
] as const

/** `resources:` by kind; an alias that is used twice in one kind is an error. */
export function toResources(token: Token | undefined, sink: Sink): PlanResources {
  if (token?.kind === 'sequence') {
    const repositories = token.items.map((item) => toResource(item, 'repo'))
    return { ...noResources, repositories }
  }
  const lists = KINDS.map(([kind, aliasKey]) => {
    const items = itemsOf(find(token, kind))
    reportTwice(items, aliasKey, sink)
    return [kind, items.map((item) => toResource(item, aliasKey))] as const
  })
  return { ...noResources, ...Object.fromEntries(lists) }
}

function toResource(item: Token, aliasKey: string): PlanResource {
  const json = toJson(item)
  const properties = typeof json === 'object' && json !== null ? { ...json } : {}
  return {
    alias: textAt(item, aliasKey) ?? '',
    properties: properties as PlanResource['properties'],
    place: placeOf(headOf(item)),
  }
}

function reportTwice(items: readonly Token[], aliasKey: string, sink: Sink): void {
  const seen = new Set<string>()
  for (const item of items) {
    const alias = find(item, aliasKey)
    if (alias?.kind !== 'scalar' || alias.text === '') continue
    const name = alias.text.toLowerCase()
    if (seen.has(name)) {
      const message = `The resource alias '${alias.text}' is already defined`
      sink.add({ code: 'duplicate-name', message, spot: alias })
    }
    seen.add(name)
  }
}
