import type { Place } from '../diagnostic.ts'
import type { Plan } from '../plan.ts'

/** A value of the plan by its path, with the part of the plan that has a place in a file. */
export interface PlanValue {
  /** Undefined for a key that the plan may have and this one has not. */
  readonly value: unknown
  /** The innermost stage, job, step, variable or resource around the value. */
  readonly owner: { readonly place: Place } | undefined
  /** The keys from the owner to the value. */
  readonly keys: readonly string[]
}

/** What a path does not lead to. */
export interface WrongPath {
  readonly found: string
  readonly missing: string
  readonly available: readonly string[]
}

/** The segments of `stages[0].jobs.build['x']`; undefined for text that is no path. */
export function pathSegments(text: string): readonly string[] | undefined {
  const whole = /^[A-Za-z_][\w-]*(?:\.[\w-]+|\[\d+\]|\['[^']*'\])*$/
  if (text.length > 1000 || !whole.test(text)) return undefined
  return [...text.matchAll(/\['([^']*)'\]|[\w-]+/g)].map(([all, quoted]) => quoted ?? all)
}

/** Keys of a plan that hold values of interest; expressions begin with other words. */
const ROOTS: ReadonlySet<string> = new Set([
  'name',
  'trigger',
  'pr',
  'schedules',
  'stages',
  'lockBehavior',
  'extends',
  'appendCommitMessageToRunName',
])

/** True when a path begins with a key of the plan. */
export function isPlanPath(segments: readonly string[]): boolean {
  return ROOTS.has(segments[0] ?? '')
}

/** Follows a path: list items by index, or by their name; keys by their spelling. */
export function followPath(plan: Plan, segments: readonly string[]): PlanValue | WrongPath {
  let value: unknown = plan
  let owner: PlanValue['owner']
  let keys: string[] = []
  for (const [i, segment] of segments.entries()) {
    const isLast = i === segments.length - 1
    const next = memberOf(value, segment)
    if (next === undefined && !(isLast && isRecord(value))) {
      const found = segments.slice(0, i).join('.') || 'the plan'
      return { found, missing: segment, available: namesIn(value) }
    }
    value = next
    if (isRecord(value) && isPlace(value['place'])) {
      owner = { place: value['place'] }
      keys = []
    } else if (owner) keys.push(segment)
  }
  return { value, owner, keys }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isPlace(value: unknown): value is Place {
  return isRecord(value) && typeof value['file'] === 'string' && typeof value['line'] === 'number'
}

function memberOf(value: unknown, segment: string): unknown {
  if (Array.isArray(value)) {
    if (/^\d+$/.test(segment)) return value[Number(segment)]
    return value.find((item) => nameOf(item)?.toLowerCase() === segment.toLowerCase())
  }
  return isRecord(value) && Object.hasOwn(value, segment) ? value[segment] : undefined
}

function nameOf(item: unknown): string | undefined {
  if (!isRecord(item)) return undefined
  const name = item['name'] ?? item['alias']
  return typeof name === 'string' ? name : undefined
}

function namesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map((item, i) => nameOf(item) ?? `[${i}]`).slice(0, 50)
  return isRecord(value) ? Object.keys(value) : []
}
