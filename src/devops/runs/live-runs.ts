import type { Plan } from '../../compiler/index.ts'
import { statement } from '../../storage/database.ts'
import type { ScopeSealer } from '../../storage/sealing.ts'
import type { DevopsTables, DevopsTransaction } from '../tables.ts'
import { advance } from './advance.ts'
import type { RunFacts } from './predefined.ts'
import { initialState, type RunEvent, type RunState, type StageShape } from './state.ts'

/** A variable given when queueing or in the pipeline's settings, as it is stored. */
export interface StoredVariable {
  readonly name: string
  readonly value: string
  readonly isSecret: boolean
}

/** Everything a run was queued with; stored sealed because variables may be secret. */
export interface RunInput {
  /** Connection inputs already hold endpoint ids. */
  readonly plan: Plan
  readonly facts: RunFacts
  readonly given: readonly StoredVariable[]
  /** The caller's parameters, for people. */
  readonly parameters: Readonly<Record<string, string>>
  /** The folder pipelines run in, for the agent's checkout. */
  readonly repository: {
    readonly path: string
    readonly name: string
    readonly version: string
    /** Files come from the commit `version`, not from the working tree. */
    readonly isPinned: boolean
  }
}

/** A run that is not finished, as this process knows it. */
export interface LiveRun {
  readonly runId: number
  readonly input: RunInput
  state: RunState
  /** The number of events that `state` holds. */
  seq: number
}

/** Runs by id, rebuilt from their events when this process does not know the latest. */
export interface LiveRuns {
  /** Undefined when there is no such run. Call it inside a write. */
  load(tx: DevopsTransaction, runId: number): Promise<LiveRun | undefined>
  /** After a write that failed or a run that ended. */
  forget(runId: number): void
}

const lastEvent = statement<DevopsTables, { runId: number }, { seq: number }>((query, parameter) =>
  query
    .selectFrom('devops_run_event')
    .select('seq')
    .where('run_id', '=', parameter<number>('runId'))
    .orderBy('seq', 'desc')
    .limit(1),
)

const eventsAfter = statement<
  DevopsTables,
  { runId: number; seq: number },
  { seq: number; body: string }
>((query, parameter) =>
  query
    .selectFrom('devops_run_event')
    .select(['seq', 'body'])
    .where('run_id', '=', parameter<number>('runId'))
    .where('seq', '>', parameter<number>('seq'))
    .orderBy('seq'),
)

const findInput = statement<
  DevopsTables,
  { runId: number },
  { plan_id: string; input: Uint8Array }
>((query, parameter) =>
  query
    .selectFrom('devops_run')
    .select(['plan_id', 'input'])
    .where('id', '=', parameter<number>('runId')),
)

/** What a run's input is sealed to. */
export function inputPlace(planId: string): string {
  return `run input\n${planId}`
}

/** Keeps the runs of one process. */
export function createLiveRuns(sealer: ScopeSealer): LiveRuns {
  const runs = new Map<number, LiveRun>()
  const open = async (tx: DevopsTransaction, runId: number): Promise<LiveRun | undefined> => {
    const [row] = await tx.all(findInput, { runId })
    if (!row) return undefined
    const input = JSON.parse(sealer.open(inputPlace(row.plan_id), row.input).open()) as RunInput
    return { runId, input, state: initialState(shapeOf(input.plan)), seq: 0 }
  }
  return {
    async load(tx, runId) {
      const [last] = await tx.all(lastEvent, { runId })
      const latest = last?.seq ?? 0
      const known = runs.get(runId)
      const run = known && known.seq <= latest ? known : await open(tx, runId)
      if (!run) return undefined
      const news = run.seq < latest ? await tx.all(eventsAfter, { runId, seq: run.seq }) : []
      for (const { seq, body } of news) {
        run.state = advance(run.state, JSON.parse(body) as RunEvent).state
        run.seq = seq
      }
      runs.set(runId, run)
      return run
    },
    forget: (runId) => void runs.delete(runId),
  }
}

/** The graph of a plan: names become positions. Compilation has checked that they exist. */
export function shapeOf(plan: Plan): StageShape[] {
  const stageAt = positions(plan.stages)
  return plan.stages.map((stage) => {
    const jobAt = positions(stage.jobs)
    return {
      dependsOn: stage.dependsOn.flatMap((name) => stageAt.get(name.toLowerCase()) ?? []),
      jobs: stage.jobs.map((job) => ({
        dependsOn: job.dependsOn.flatMap((name) => jobAt.get(name.toLowerCase()) ?? []),
        kind: job.kind === 'deployment' ? ('hooks' as const) : ('legs' as const),
      })),
    }
  })
}

function positions(named: readonly { readonly name: string }[]): Map<string, number> {
  return new Map(named.map(({ name }, at) => [name.toLowerCase(), at]))
}
