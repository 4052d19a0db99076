/** The times a cron text names, in UTC: the values of each field that count. */
export interface CronTimes {
  readonly minutes: ReadonlySet<number>
  readonly hours: ReadonlySet<number>
  readonly days: ReadonlySet<number>
  /** 1 to 12. */
  readonly months: ReadonlySet<number>
  /** 0 is Sunday. */
  readonly weekdays: ReadonlySet<number>
}

interface Field {
  readonly from: number
  readonly to: number
  /** The name of `from` first. A name may be cut to its first three letters. */
  readonly names?: readonly string[]
}

const MONTHS =
  'january february march april may june july august september october november december'
const WEEKDAYS = 'sunday monday tuesday wednesday thursday friday saturday'

const MINUTES: Field = { from: 0, to: 59 }
const HOURS: Field = { from: 0, to: 23 }
const DAYS: Field = { from: 1, to: 31 }
const MONTH_FIELD: Field = { from: 1, to: 12, names: MONTHS.split(' ') }
const WEEKDAY_FIELD: Field = { from: 0, to: 6, names: WEEKDAYS.split(' ') }

/**
 * Reads five fields: minute, hour, day, month, weekday. Each is `*`, a value, a range `a-b`, either
 * with `/step`, or a list of these with commas; months and weekdays also by English name. Undefined
 * for anything else.
 */
export function parseCron(text: string): CronTimes | undefined {
  const fields = text.trim().split(/\s+/)
  if (fields.length !== 5) return undefined
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields
  const minutes = valuesOf(minute, MINUTES)
  const hours = valuesOf(hour, HOURS)
  const days = valuesOf(day, DAYS)
  const months = valuesOf(month, MONTH_FIELD)
  const weekdays = valuesOf(weekday, WEEKDAY_FIELD)
  if (!minutes || !hours || !days || !months || !weekdays) return undefined
  return { minutes, hours, days, months, weekdays }
}

function valuesOf(text: string, field: Field): ReadonlySet<number> | undefined {
  const values = new Set<number>()
  for (const part of text.split(',')) {
    const match = /^(?:(\*)|([^-/]+)(?:-([^-/]+))?)(?:\/(\d{1,4}))?$/.exec(part)
    if (!match) return undefined
    const [, all, low = '', high, stepText] = match
    const step = stepText === undefined ? 1 : Number(stepText)
    const from = all ? field.from : numberOf(low, field)
    // `5/15` counts from 5 to the end of the field.
    const last = stepText === undefined ? from : field.to
    const to = all ? field.to : high === undefined ? last : numberOf(high, field)
    if (from === undefined || to === undefined || from > to || step < 1) return undefined
    for (let value = from; value <= to; value += step) values.add(value)
  }
  return values
}

function numberOf(text: string, { from, to, names }: Field): number | undefined {
  if (/^\d{1,2}$/.test(text)) {
    const value = Number(text)
    return value >= from && value <= to ? value : undefined
  }
  const word = text.toLowerCase()
  const index = names?.findIndex((name) => name === word || name.slice(0, 3) === word) ?? -1
  return index < 0 ? undefined : from + index
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000
/** 29 February on a given weekday can be 40 years away. */
const MOST_DAYS = 41 * 366

/**
 * The first whole minute after `afterMs` that `times` names; day and weekday must both fit.
 * Undefined when there is none, as on 30 February.
 */
export function nextOccurrence(times: CronTimes, afterMs: number): number | undefined {
  const startMs = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS
  let dayMs = Math.floor(startMs / DAY_MS) * DAY_MS
  for (let left = MOST_DAYS; left > 0; left--) {
    if (isDay(times, new Date(dayMs))) {
      const found = timeOfDay(times, Math.max(startMs - dayMs, 0))
      if (found !== undefined) return dayMs + found
    }
    dayMs += DAY_MS
  }
  return undefined
}

function isDay({ days, months, weekdays }: CronTimes, date: Date): boolean {
  return (
    months.has(date.getUTCMonth() + 1) &&
    days.has(date.getUTCDate()) &&
    weekdays.has(date.getUTCDay())
  )
}

/** The first time of a day, in milliseconds since its beginning, that is not before `fromMs`. */
function timeOfDay({ hours, minutes }: CronTimes, fromMs: number): number | undefined {
  for (let hour = Math.floor(fromMs / HOUR_MS); hour < 24; hour++) {
    if (!hours.has(hour)) continue
    for (let minute = 0; minute < 60; minute++) {
      const atMs = hour * HOUR_MS + minute * MINUTE_MS
      if (atMs >= fromMs && minutes.has(minute)) return atMs
    }
  }
  return undefined
}
