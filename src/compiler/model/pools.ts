import type { PlanContainer, PlanPool } from '../plan.ts'
import { isRuntimeExpression } from '../schema/formats.ts'
import { find, isEmpty, type Token } from '../text/token.ts'
import type { ModelContext } from './context.ts'
import { optional, textAt, textOf, textsOf, toJson } from './read.ts'

const KNOWN = new Set(['name', 'vmImage', 'demands'])

/** `pool:` in either form; undefined when absent or empty. */
export function toPool(token: Token | undefined): PlanPool | undefined {
  if (!token || isEmpty(token)) return undefined
  const name = textOf(token)
  if (name !== undefined) return { name, demands: [] }
  if (token.kind !== 'mapping') return undefined
  const others = token.entries.filter(({ key }) => !KNOWN.has(key.text))
  const properties = Object.fromEntries(others.map(({ key, value }) => [key.text, toJson(value)]))
  return {
    ...optional('name', textAt(token, 'name')),
    ...optional('vmImage', textAt(token, 'vmImage')),
    demands: textsOf(find(token, 'demands')),
    ...optional('properties', others.length > 0 ? properties : undefined),
  }
}

/** A container by alias when a resource has that name (or a late expression gives it), else an image. */
export function toContainer(
  token: Token | undefined,
  context: ModelContext,
): PlanContainer | undefined {
  if (!token || isEmpty(token)) return undefined
  const text = textOf(token)
  if (text !== undefined) {
    const known = context.resources.containers.some(({ alias }) => alias === text)
    return known || isRuntimeExpression(text) ? { alias: text } : { image: text }
  }
  if (token.kind !== 'mapping') return undefined
  const properties = toJson(token) as PlanContainer['properties']
  return {
    ...optional('alias', textAt(token, 'alias')),
    ...optional('image', textAt(token, 'image')),
    ...optional('properties', properties),
  }
}

/** `services:`: names to containers. */
export function toServices(
  token: Token | undefined,
  context: ModelContext,
): Readonly<Record<string, PlanContainer>> {
  if (token?.kind !== 'mapping') return {}
  return Object.fromEntries(
    token.entries.flatMap(({ key, value }) => {
      const container = toContainer(value, context)
      return container ? [[key.text, container] as const] : []
    }),
  )
}
