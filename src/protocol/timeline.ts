/** Worst last; `Skipped` does not worsen a job. */
export type TaskResult =
  | 'Succeeded'
  | 'SucceededWithIssues'
  | 'Failed'
  | 'Canceled'
  | 'Skipped'
  | 'Abandoned'

export interface Issue {
  readonly type: 'error' | 'warning'
  /** Already masked. */
  readonly message: string
  readonly data: Readonly<Record<string, string>>
}

/** A row of a run's tree. Fields that are absent keep their former value on update. */
export interface TimelineRecord {
  readonly id: string
  readonly parentId?: string
  readonly type: 'Stage' | 'Phase' | 'Job' | 'Task'
  readonly name: string
  readonly refName?: string
  /** Position among its siblings, counted from 1. */
  readonly order?: number
  readonly state: 'pending' | 'inProgress' | 'completed'
  readonly result?: TaskResult
  readonly startedAtMs?: number
  readonly finishedAtMs?: number
  readonly percentComplete?: number
  /** Already masked. */
  readonly currentOperation?: string
  readonly errorCount?: number
  readonly warningCount?: number
  /** At most 10 of each type. */
  readonly issues?: readonly Issue[]
  readonly logId?: number
  readonly attempt?: number
  readonly workerName?: string
}
