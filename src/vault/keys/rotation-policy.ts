import { isObject, type JsonObject, readArray } from '../../base/json.ts'
import { propertyWrong } from '../faults.ts'
import { orPropertyWrong } from '../objects/attributes.ts'
import { NEAR_MS } from '../objects/notices.ts'

const DAY_MS = 86_400_000
/** Rotation keeps this distance from creation and from expiry (key-vault.md §9.2). */
const DISTANCE_MS = 7 * DAY_MS
/** U5 */
const EXPIRY_LEAST_MS = 28 * DAY_MS

interface Trigger {
  /** ISO 8601, years, months and days: `P90D`. */
  readonly timeAfterCreate?: string
  readonly timeBeforeExpiry?: string
}

interface LifetimeAction {
  readonly trigger: Trigger
  readonly action: { readonly type: 'Rotate' | 'Notify' }
}

/** When a key gets a new version, and when somebody is told, in Key Vault's words. */
export interface RotationPolicy {
  readonly lifetimeActions: readonly LifetimeAction[]
  readonly expiryTime: string | undefined
  readonly createdAtMs: number
  readonly updatedAtMs: number
  /** Whose key it is: rotation by the clock has no request that names the vault. */
  readonly vaultName: string
}

/** What GET shows when none was ever set (U5). */
export const DEFAULT_ACTIONS: readonly LifetimeAction[] = [
  { trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } },
]

/** The body of a PUT. @throws Fault `PropertyWrong` */
export function readRotationPolicy(
  body: JsonObject,
): Pick<RotationPolicy, 'lifetimeActions' | 'expiryTime'> {
  const attributes = body['attributes'] ?? {}
  if (!isObject(attributes)) throw propertyWrong('attributes')
  const expiryTime = readDuration(attributes['expiryTime'], 'expiryTime')
  const given = body['lifetimeActions'] ?? []
  const lifetimeActions = orPropertyWrong('lifetimeActions', () =>
    readArray(given, 'lifetimeActions').map((item) => readAction(item)),
  )
  for (const type of ['Rotate', 'Notify']) {
    if (lifetimeActions.filter(({ action }) => action.type === type).length > 1) {
      throw propertyWrong(`lifetimeActions: more than one ${type}`)
    }
  }
  if (expiryTime !== undefined && lengthOf(expiryTime) < EXPIRY_LEAST_MS) {
    throw propertyWrong('expiryTime: less than 28 days')
  }
  for (const action of lifetimeActions) checkRotate(action, expiryTime)
  return { lifetimeActions, expiryTime }
}

function readAction(item: unknown): LifetimeAction {
  const trigger = isObject(item) ? item['trigger'] : undefined
  const action = isObject(item) ? item['action'] : undefined
  if (!isObject(trigger) || !isObject(action)) throw propertyWrong('lifetimeActions')
  const named = String(action['type']).toLowerCase()
  const type = (['Rotate', 'Notify'] as const).find((known) => known.toLowerCase() === named)
  if (!type) throw propertyWrong('action.type')
  const after = readDuration(trigger['timeAfterCreate'], 'timeAfterCreate')
  const before = readDuration(trigger['timeBeforeExpiry'], 'timeBeforeExpiry')
  if ((after === undefined) === (before === undefined)) throw propertyWrong('trigger')
  if (type === 'Notify' && before === undefined) throw propertyWrong('trigger of Notify')
  return {
    trigger: after === undefined ? { timeBeforeExpiry: before ?? '' } : { timeAfterCreate: after },
    action: { type },
  }
}

function checkRotate({ trigger, action }: LifetimeAction, expiryTime: string | undefined): void {
  if (action.type !== 'Rotate') return
  const { timeAfterCreate, timeBeforeExpiry } = trigger
  const lifeMs = expiryTime === undefined ? undefined : lengthOf(expiryTime)
  if (timeBeforeExpiry !== undefined && lifeMs === undefined) {
    throw propertyWrong('timeBeforeExpiry without expiryTime')
  }
  const distanceMs = lengthOf(timeAfterCreate ?? timeBeforeExpiry ?? '')
  const restMs = lifeMs === undefined ? DISTANCE_MS : lifeMs - distanceMs
  if (distanceMs < DISTANCE_MS || restMs < DISTANCE_MS) {
    throw propertyWrong('Rotate: less than 7 days after creation or before expiry')
  }
}

const DURATION = /^P(?=\d)(?:(\d{1,4})Y)?(?:(\d{1,4})M)?(?:(\d{1,5})D)?$/

function readDuration(value: unknown, name: string): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || !DURATION.test(value.toUpperCase())) throw propertyWrong(name)
  return value.toUpperCase()
}

/** `timeMs` moved by a duration, by the calendar; `sign` -1 goes back. */
export function moveBy(timeMs: number, duration: string, sign: 1 | -1): number {
  const [, years = '0', months = '0', days = '0'] = DURATION.exec(duration) ?? []
  const moved = new Date(timeMs)
  const day = moved.getUTCDate()
  moved.setUTCDate(1)
  moved.setUTCFullYear(moved.getUTCFullYear() + sign * Number(years))
  moved.setUTCMonth(moved.getUTCMonth() + sign * Number(months))
  const lastDay = new Date(Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0))
  moved.setUTCDate(Math.min(day, lastDay.getUTCDate()))
  return moved.getTime() + sign * Number(days) * DAY_MS
}

/** A length for comparisons: months of 30 days, years of 365. */
function lengthOf(duration: string): number {
  const [, years = '0', months = '0', days = '0'] = DURATION.exec(duration) ?? []
  return (Number(years) * 365 + Number(months) * 30 + Number(days)) * DAY_MS
}

/** When the policy wants a successor of a version; undefined: never. */
export function rotationTimeOf(
  policy: RotationPolicy,
  version: { readonly createdAtMs: number; readonly expiresAtMs: number | undefined },
): number | undefined {
  const rotate = policy.lifetimeActions.find(({ action }) => action.type === 'Rotate')
  if (!rotate) return undefined
  const { timeAfterCreate, timeBeforeExpiry } = rotate.trigger
  if (timeAfterCreate !== undefined) return moveBy(version.createdAtMs, timeAfterCreate, 1)
  if (timeBeforeExpiry === undefined || version.expiresAtMs === undefined) return undefined
  return moveBy(version.expiresAtMs, timeBeforeExpiry, -1)
}

/** When the end of a version is near; undefined when it has none. */
export function notifyTimeOf(
  policy: RotationPolicy,
  expiresAtMs: number | undefined,
): number | undefined {
  if (expiresAtMs === undefined) return undefined
  const notify = policy.lifetimeActions.find(({ action }) => action.type === 'Notify')
  const { timeBeforeExpiry } = notify?.trigger ?? {}
  if (timeBeforeExpiry === undefined) return expiresAtMs - NEAR_MS
  return moveBy(expiresAtMs, timeBeforeExpiry, -1)
}

/** When a version made by rotation expires; undefined: never. */
export function expiryOf(
  policy: RotationPolicy | undefined,
  createdAtMs: number,
): number | undefined {
  return policy?.expiryTime === undefined ? undefined : moveBy(createdAtMs, policy.expiryTime, 1)
}
