import type { Schedule } from '../plan.ts'
import { nextOccurrence, parseCron } from './cron.ts'
import { judgeRef, shortName, type Verdict } from './patterns.ts'

/** One time at which a schedule fires. */
export interface Occurrence {
  readonly schedule: Schedule
  readonly atMs: number
}

/** How far to look; times are milliseconds since the epoch, and `untilMs` itself still counts. */
export interface Window {
  readonly afterMs: number
  readonly untilMs?: number
  /** At most so many occurrences, 1,000 unless told. */
  readonly most?: number
}

/** When schedules fire within a window, in order of time; a broken or impossible cron text never does. */
export function scheduleOccurrences(
  schedules: readonly Schedule[],
  { afterMs, untilMs = Number.POSITIVE_INFINITY, most = 1_000 }: Window,
): readonly Occurrence[] {
  const all = schedules.flatMap((schedule) => {
    const times = parseCron(schedule.cron)
    const found: Occurrence[] = []
    let atMs = times && nextOccurrence(times, afterMs)
    while (times && atMs !== undefined && atMs <= untilMs && found.length < most) {
      found.push({ schedule, atMs })
      atMs = nextOccurrence(times, atMs)
    }
    return found
  })
  return all.sort((left, right) => left.atMs - right.atMs).slice(0, most)
}

/** Schedules of the pipeline's settings, when there are any, replace those of the file. */
export function schedulesInForce(
  ofFile: readonly Schedule[],
  ofSettings: readonly Schedule[],
): readonly Schedule[] {
  return ofSettings.length > 0 ? ofSettings : ofFile
}

/** What is known of a branch when a schedule fires. */
export interface ScheduleState {
  readonly ref: string
  readonly isDefaultBranch: boolean
  /** The code has changed since the last successful scheduled run, or there was none. */
  readonly hasCodeChanged: boolean
  /** The settings of the pipeline have changed since then. */
  readonly haveSettingsChanged: boolean
  /** The run that the schedule started last has not ended. */
  readonly isPreviousRunning: boolean
}

/** Whether a schedule that fires starts a run on a branch, and why. */
export function shouldRunOnSchedule(schedule: Schedule, state: ScheduleState): Verdict {
  const branch = judgeBranch(schedule, state)
  if (!branch.run) return branch
  if (schedule.batch && state.isPreviousRunning) {
    return { run: false, reason: "The previous scheduled run is in progress, and 'batch' is true." }
  }
  if (schedule.always) return { run: true, reason: "The schedule says 'always'." }
  if (state.hasCodeChanged) {
    return { run: true, reason: 'The code has changed since the last successful scheduled run.' }
  }
  return state.haveSettingsChanged
    ? { run: true, reason: 'The settings of the pipeline have changed.' }
    : { run: false, reason: 'Nothing has changed since the last successful scheduled run.' }
}

function judgeBranch({ branches }: Schedule, { ref, isDefaultBranch }: ScheduleState): Verdict {
  if (branches) return judgeRef(branches, ref)
  const reason = `The schedule names no branches, and '${shortName(ref)}' is not the default branch.`
  return isDefaultBranch
    ? { run: true, reason: 'It is the default branch.' }
    : { run: false, reason }
}
