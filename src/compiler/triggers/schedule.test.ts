import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Schedule } from '../plan.ts'
import { nextOccurrence, parseCron } from './cron.ts'
import {
  type ScheduleState,
  scheduleOccurrences,
  schedulesInForce,
  shouldRunOnSchedule,
} from './schedule.ts'

function schedule(cron: string, more: Partial<Schedule> = {}): Schedule {
  return { cron, batch: false, always: false, ...more }
}

/** Occurrences after an instant, as `YYYY-MM-DD HH:MM`. */
function after(cron: string, from: string, most = 3): readonly string[] {
  const window = { afterMs: Date.parse(from), most }
  return scheduleOccurrences([schedule(cron)], window).map(({ atMs }) =>
    new Date(atMs).toISOString().slice(0, 16).replace('T', ' '),
  )
}

test.each([
  ['0 0 * * *', '2026-02-27T12:00Z', ['2026-02-28 00:00', '2026-03-01 00:00', '2026-03-02 00:00']],
  [
    '*/20 * * * *',
    '2026-01-01T00:00Z',
    ['2026-01-01 00:20', '2026-01-01 00:40', '2026-01-01 01:00'],
  ],
  [
    '5/30 1-2 * * *',
    '2026-01-01T01:05:30Z',
    ['2026-01-01 01:35', '2026-01-01 02:05', '2026-01-01 02:35'],
  ],
  ['0 12 * * 0', '2026-01-01T00:00Z', ['2026-01-04 12:00', '2026-01-11 12:00', '2026-01-18 12:00']],
  [
    '0 12 * * Sunday',
    '2026-01-01T00:00Z',
    ['2026-01-04 12:00', '2026-01-11 12:00', '2026-01-18 12:00'],
  ],
  [
    '0 3 * * Mon-Fri',
    '2026-01-02T03:00Z',
    ['2026-01-05 03:00', '2026-01-06 03:00', '2026-01-07 03:00'],
  ],
  [
    '0 3 * * Mon,wed',
    '2026-01-02T03:00Z',
    ['2026-01-05 03:00', '2026-01-07 03:00', '2026-01-12 03:00'],
  ],
  [
    '0 0 1 January,jul *',
    '2026-01-02T00:00Z',
    ['2026-07-01 00:00', '2027-01-01 00:00', '2027-07-01 00:00'],
  ],
  ['0 0 31 * *', '2026-01-31T00:00Z', ['2026-03-31 00:00', '2026-05-31 00:00', '2026-07-31 00:00']],
  ['0 0 29 2 *', '2026-01-01T00:00Z', ['2028-02-29 00:00', '2032-02-29 00:00', '2036-02-29 00:00']],
  [
    '0 8 1-7 * Tue',
    '2026-01-01T00:00Z',
    ['2026-01-06 08:00', '2026-02-03 08:00', '2026-03-03 08:00'],
  ],
  ['0 0 30 2 *', '2026-01-01T00:00Z', []],
  [
    '1-10/3,50 0 1 1 *',
    '2026-01-01T00:04Z',
    ['2026-01-01 00:07', '2026-01-01 00:10', '2026-01-01 00:50'],
  ],
])('%s after %s', (cron, from, expected) => {
  expect(after(cron, from)).toEqual(expected)
})

test.each(['', '* * * *', '0 0 0 * * *', '60 * * * *', '* 24 * * *', '* * 0 * *', '* * * 13 *'])(
  'the cron text %j is broken',
  (text) => expect(parseCron(text)).toBeUndefined(),
)

test.each(['* * * * 7', '5-1 * * * *', '*/0 * * * *', '1,,2 * * * *', '* * * Janu *', '* * L * *'])(
  'the cron text %j is broken too',
  (text) => expect(parseCron(text)).toBeUndefined(),
)

test('an occurrence is the first minute that fits, compared with looking at every minute', () => {
  const field = (from: number, to: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min: from, max: to }).map(String),
      fc.integer({ min: 1, max: 9 }).map((step) => `*/${step}`),
    )
  const cron = fc.tuple(field(0, 59), field(0, 23), field(1, 28), fc.constant('*'), field(0, 6))
  fc.assert(
    fc.property(cron, fc.integer({ min: 0, max: 2e12 }), (fields, afterMs) => {
      const times = parseCron(fields.join(' '))
      const found = times && nextOccurrence(times, afterMs)
      if (!times || found === undefined) throw new Error('It never fires.')
      const fits = (ms: number) => {
        const date = new Date(ms)
        return (
          times.minutes.has(date.getUTCMinutes()) &&
          times.hours.has(date.getUTCHours()) &&
          times.days.has(date.getUTCDate()) &&
          times.weekdays.has(date.getUTCDay())
        )
      }
      expect(fits(found) && found > afterMs && found % 60_000 === 0).toBe(true)
      const most = Math.min(found, afterMs + 3 * 86_400_000)
      for (let ms = Math.floor(afterMs / 60_000 + 1) * 60_000; ms < most; ms += 60_000) {
        expect(fits(ms)).toBe(false)
      }
    }),
    { numRuns: 30 },
  )
})

test('schedules that fire between two instants come in order, the end included', () => {
  const [hourly, daily] = [schedule('0 * * * *'), schedule('0 2 * * *', { displayName: 'daily' })]
  const [afterMs, untilMs] = [Date.UTC(2026, 0, 1, 1), Date.UTC(2026, 0, 1, 3)]
  const found = scheduleOccurrences([daily, hourly], { afterMs, untilMs })
  expect(found.map(({ schedule: one, atMs }) => [one.cron, new Date(atMs).getUTCHours()])).toEqual([
    ['0 2 * * *', 2],
    ['0 * * * *', 2],
    ['0 * * * *', 3],
  ])
  expect(scheduleOccurrences([hourly], { afterMs: untilMs, untilMs })).toEqual([])
})

test('a schedule with a broken cron text never fires, and a long window is bounded', () => {
  expect(scheduleOccurrences([schedule('nonsense')], { afterMs: 0 })).toEqual([])
  expect(scheduleOccurrences([schedule('* * * * *')], { afterMs: 0 })).toHaveLength(1_000)
})

test('schedules of the settings replace those of the file', () => {
  const [file, settings] = [[schedule('0 1 * * *')], [schedule('0 2 * * *')]]
  expect(schedulesInForce(file, settings)).toBe(settings)
  expect(schedulesInForce(file, [])).toBe(file)
})

const unchanged: ScheduleState = {
  ref: 'refs/heads/main',
  isDefaultBranch: true,
  hasCodeChanged: false,
  haveSettingsChanged: false,
  isPreviousRunning: false,
}

test.each([
  ['nothing has changed', {}, {}, false],
  ['the code has changed', {}, { hasCodeChanged: true }, true],
  ['the settings have changed', {}, { haveSettingsChanged: true }, true],
  ['nothing has changed, but always', { always: true }, {}, true],
  ['the previous run is running', { always: true }, { isPreviousRunning: true }, true],
  ['the same with batch', { always: true, batch: true }, { isPreviousRunning: true }, false],
  ['batch without a running one', { always: true, batch: true }, {}, true],
  ['another branch', { always: true }, { ref: 'refs/heads/x', isDefaultBranch: false }, false],
  [
    'another branch that is named',
    { always: true, branches: { include: ['x'], exclude: [] } },
    { ref: 'refs/heads/x', isDefaultBranch: false },
    true,
  ],
  [
    'an excluded branch',
    { always: true, branches: { include: ['*'], exclude: ['main'] } },
    {},
    false,
  ],
])('a schedule fires and %s', (_, more, state, run) => {
  const verdict = shouldRunOnSchedule(schedule('0 0 * * *', more), { ...unchanged, ...state })
  expect(verdict.run).toBe(run)
  expect(verdict.reason).toMatch(/^\S.*\.$/)
})
