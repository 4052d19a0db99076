import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { TaskResult } from '../../protocol/index.ts'
import { advance } from './advance.ts'
import {
  type Command,
  initialState,
  type JobVerdict,
  mergeResults,
  type RunEvent,
  type RunState,
  type StageShape,
} from './state.ts'

const one: JobVerdict = { outcome: 'run', legs: [''], maxParallel: 0, continueOnError: false }

function job(dependsOn: readonly number[] = [], kind: 'legs' | 'hooks' = 'legs') {
  return { dependsOn, kind }
}

/** Applies events and gives the commands of the last one, as short words. */
function play(shape: readonly StageShape[], ...events: readonly RunEvent[]) {
  let state = initialState(shape)
  let commands: readonly Command[] = []
  for (const event of events) ({ state, commands } = advance(state, event))
  return { state, words: commands.map(toWords) }
}

function toWords(command: Command): string {
  const place = [
    'stage' in command ? command.stage : undefined,
    'job' in command ? command.job : undefined,
    'leg' in command ? command.leg : undefined,
  ].filter((at) => at !== undefined)
  const result = 'result' in command ? ` ${command.result}` : ''
  return `${command.kind} ${place.join('.')}${result}`.replace('  ', ' ')
}

const start: RunEvent = { kind: 'started' }
const runStage = (stage: number): RunEvent => ({ kind: 'stageDecided', stage, verdict: 'run' })
const runJob = (stage: number, at: number, verdict: JobVerdict = one): RunEvent => ({
  kind: 'jobDecided',
  stage,
  job: at,
  verdict,
})
const finish = (stage: number, at: number, leg: number, result: TaskResult): RunEvent => ({
  kind: 'legFinished',
  stage,
  job: at,
  leg,
  result,
})
const take = (stage: number, at: number, leg = 0): RunEvent => ({
  kind: 'legStarted',
  stage,
  job: at,
  leg,
})

const single: readonly StageShape[] = [{ dependsOn: [], jobs: [job()] }]
const two: readonly StageShape[] = [{ dependsOn: [], jobs: [job(), job([0])] }]
const chain: readonly StageShape[] = [
  { dependsOn: [], jobs: [job()] },
  { dependsOn: [0], jobs: [job()] },
]
const matrix: JobVerdict = { ...one, legs: ['a', 'b', 'c'], maxParallel: 2 }
const hooks: JobVerdict = { ...one, legs: ['preDeploy', 'deploy', 'failure', 'success'] }
const deployment: readonly StageShape[] = [{ dependsOn: [], jobs: [job([], 'hooks')] }]

test.each<[string, readonly StageShape[], readonly RunEvent[], readonly string[]]>([
  ['asks the condition of the first stage', single, [start], ['decideStage 0']],
  ['asks the condition of a job', single, [start, runStage(0)], ['decideJob 0.0']],
  ['requests a job that may run', single, [start, runStage(0), runJob(0, 0)], ['requestLeg 0.0.0']],
  [
    'ends with its only job',
    single,
    [start, runStage(0), runJob(0, 0), take(0, 0), finish(0, 0, 0, 'Failed')],
    ['finishJob 0.0 Failed', 'finishStage 0 Failed', 'finishRun Failed'],
  ],
  [
    'lets continueOnError soften a failure',
    single,
    [
      start,
      runStage(0),
      runJob(0, 0, { ...one, continueOnError: true }),
      finish(0, 0, 0, 'Failed'),
    ],
    [
      'finishJob 0.0 SucceededWithIssues',
      'finishStage 0 SucceededWithIssues',
      'finishRun SucceededWithIssues',
    ],
  ],
  [
    'asks a dependant when what it waits for has ended',
    two,
    [start, runStage(0), runJob(0, 0), finish(0, 0, 0, 'Succeeded')],
    ['finishJob 0.0 Succeeded', 'decideJob 0.1'],
  ],
  [
    'asks the next stage when the one before has ended',
    chain,
    [start, runStage(0), runJob(0, 0), finish(0, 0, 0, 'Failed')],
    ['finishJob 0.0 Failed', 'finishStage 0 Failed', 'decideStage 1'],
  ],
  [
    'skips the jobs of a skipped stage without asking them',
    single,
    [start, { kind: 'stageDecided', stage: 0, verdict: 'skip' }],
    ['finishJob 0.0 Skipped', 'finishStage 0 Skipped', 'finishRun Skipped'],
  ],
  [
    'keeps to maxParallel',
    single,
    [start, runStage(0), runJob(0, 0, matrix)],
    ['requestLeg 0.0.0', 'requestLeg 0.0.1'],
  ],
  [
    'requests the next leg when one has ended',
    single,
    [start, runStage(0), runJob(0, 0, matrix), finish(0, 0, 0, 'Succeeded')],
    ['requestLeg 0.0.2'],
  ],
  [
    'runs hooks one after another',
    deployment,
    [start, runStage(0), runJob(0, 0, hooks), finish(0, 0, 0, 'Succeeded')],
    ['requestLeg 0.0.1'],
  ],
  [
    'passes over the failure hook after success',
    deployment,
    [
      start,
      runStage(0),
      runJob(0, 0, hooks),
      finish(0, 0, 0, 'Succeeded'),
      finish(0, 0, 1, 'Succeeded'),
    ],
    ['dropLeg 0.0.2 Skipped', 'requestLeg 0.0.3'],
  ],
  [
    'runs only the failure hook after a failure',
    deployment,
    [start, runStage(0), runJob(0, 0, hooks), finish(0, 0, 0, 'Failed')],
    ['dropLeg 0.0.1 Skipped', 'requestLeg 0.0.2'],
  ],
  [
    'withdraws what waits and cancels what runs',
    single,
    [start, runStage(0), runJob(0, 0, matrix), take(0, 0, 0), { kind: 'cancelRequested' }],
    ['cancelLeg 0.0.0', 'withdrawLeg 0.0.1', 'dropLeg 0.0.2 Canceled'],
  ],
  [
    'ignores an end that is told again',
    two,
    [start, runStage(0), runJob(0, 0), finish(0, 0, 0, 'Succeeded'), finish(0, 0, 0, 'Succeeded')],
    [],
  ],
])('the state machine %s', (_name, shape, events, words) => {
  expect(play(shape, ...events).words).toEqual(words)
})

test.each<[readonly TaskResult[], TaskResult]>([
  [[], 'Succeeded'],
  [['Skipped'], 'Skipped'],
  [['Skipped', 'Succeeded'], 'Succeeded'],
  [['Succeeded', 'SucceededWithIssues'], 'SucceededWithIssues'],
  [['Canceled', 'Succeeded'], 'Canceled'],
  [['Canceled', 'Failed'], 'Failed'],
  [['Abandoned', 'Succeeded'], 'Failed'],
])('results %j merge to %s', (results, merged) => {
  expect(mergeResults(results)).toBe(merged)
})

/** Positions before `at`, so that there is no circle. */
function earlier(at: number): fc.Arbitrary<number[]> {
  return at === 0
    ? fc.constant([])
    : fc.uniqueArray(fc.integer({ min: 0, max: at - 1 }), { maxLength: 3 })
}

const jobsArbitrary = fc.integer({ min: 1, max: 4 }).chain((count) =>
  fc.tuple(
    ...Array.from({ length: count }, (_, at) =>
      fc.record({
        dependsOn: earlier(at),
        kind: fc.constantFrom('legs' as const, 'hooks' as const),
      }),
    ),
  ),
)

const shapeArbitrary = fc
  .integer({ min: 1, max: 4 })
  .chain((count) =>
    fc.tuple(
      ...Array.from({ length: count }, (_, at) =>
        fc.record({ dependsOn: earlier(at), jobs: jobsArbitrary }),
      ),
    ),
  )

const RESULTS: readonly TaskResult[] = ['Succeeded', 'SucceededWithIssues', 'Failed', 'Canceled']

/** Plays a run with choices taken from `choices`; answers every command in some order. */
function simulate(shape: readonly StageShape[], choices: readonly number[], cancelAt: number) {
  let turn = 0
  const choose = (count: number) => (choices[turn++ % choices.length] ?? 0) % count
  const requested = new Map<string, number>()
  let pending: RunEvent[] = [start]
  let state: RunState = initialState(shape)
  let steps = 0
  let wasCancelled = false
  for (; pending.length > 0 && steps < 5000; steps += 1) {
    const event =
      steps === cancelAt
        ? ({ kind: 'cancelRequested' } as const)
        : pending.splice(choose(pending.length), 1)[0]
    if (!event) break
    if (event.kind === 'cancelRequested') wasCancelled = state.step !== 'done'
    const next = advance(state, event)
    state = next.state
    for (const command of next.commands) {
      if (command.kind === 'requestLeg') {
        const key = `${command.stage}.${command.job}.${command.leg}`
        requested.set(key, (requested.get(key) ?? 0) + 1)
      }
      if (command.kind === 'withdrawLeg') {
        pending = pending.filter((waiting) => !isAt(waiting, command))
      }
      pending.push(...answer(command, choose))
    }
  }
  return { state, requested, wasCancelled }
}

function isAt(event: RunEvent, at: { stage: number; job: number; leg: number }): boolean {
  return 'leg' in event && event.stage === at.stage && event.job === at.job && event.leg === at.leg
}

function answer(command: Command, choose: (count: number) => number): RunEvent[] {
  switch (command.kind) {
    case 'decideStage':
      return [
        { ...command, kind: 'stageDecided', verdict: choose(4) === 0 ? 'skip' : 'run' } as RunEvent,
      ]
    case 'decideJob': {
      const legs = ['preDeploy', 'deploy', 'failure', 'success'].slice(0, 1 + choose(4))
      const verdict: JobVerdict =
        choose(4) === 0
          ? { outcome: choose(2) === 0 ? 'skip' : 'fail' }
          : { outcome: 'run', legs, maxParallel: choose(3), continueOnError: choose(2) === 0 }
      return [{ kind: 'jobDecided', stage: command.stage, job: command.job, verdict }]
    }
    case 'requestLeg': {
      const { stage, job: at, leg } = command
      const result = RESULTS[choose(RESULTS.length)] ?? 'Succeeded'
      return [
        { kind: 'legStarted', stage, job: at, leg },
        { kind: 'legFinished', stage, job: at, leg, result },
      ]
    }
    default:
      return []
  }
}

test('whatever happens, a run ends, and no leg is requested twice', () => {
  fc.assert(
    fc.property(
      shapeArbitrary,
      fc.array(fc.nat(1000), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: -1, max: 30 }),
      (shape, choices, cancelAt) => {
        const { state, requested, wasCancelled } = simulate(shape, choices, cancelAt)
        expect(state.step).toBe('done')
        expect([...requested.values()].every((times) => times === 1)).toBe(true)
        if (wasCancelled) expect(state.result).toBe('Canceled')
      },
    ),
    { numRuns: 300 },
  )
})
