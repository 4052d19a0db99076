import type { TaskResult } from '../../protocol/index.ts'

const BADNESS: Readonly<Record<TaskResult, number>> = {
  Succeeded: 0,
  SucceededWithIssues: 1,
  Failed: 2,
  Canceled: 3,
  Skipped: 4,
  Abandoned: 5,
}

/** The two together: once above Failed the first stays, otherwise the worse wins (facts §4.6). */
export function mergeResults(first: TaskResult | undefined, second: TaskResult): TaskResult {
  if (first === undefined) return second
  if (BADNESS[first] > BADNESS.Failed) return first
  return BADNESS[second] >= BADNESS[first] ? second : first
}

/** The result a word of a logging command means, without case; undefined for another word. */
export function toTaskResult(word: string): TaskResult | undefined {
  return (Object.keys(BADNESS) as TaskResult[]).find(
    (result) => result.toLowerCase() === word.trim().toLowerCase(),
  )
}
