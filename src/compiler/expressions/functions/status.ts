import { ANY_NUMBER, type Arguments, family } from '../function-row.ts'
import type { Phase, StatusPort } from '../scope.ts'

const CONDITIONS: readonly Phase[] = ['stageCondition', 'jobCondition', 'stepCondition']

/** Functions that ask how things stand. In step conditions they take no names. */
export const statusFunctions = family(
  { phases: CONDITIONS, traces: 'result', maxIn: { stepCondition: 0 } },
  [
    ['always', [0, 0], 'True, even when the run is canceled.', (args) => status(args).always()],
    ['canceled', [0, 0], 'True when the run was canceled.', (args) => status(args).canceled()],
    [
      'failed',
      [0, ANY_NUMBER],
      'True when something before, or any of the named jobs or stages, failed.',
      (args) => status(args).failed(names(args)),
    ],
    [
      'succeeded',
      [0, ANY_NUMBER],
      'True when everything before, or all the named jobs or stages, succeeded.',
      (args) => status(args).succeeded(names(args)),
    ],
    [
      'succeededOrFailed',
      [0, ANY_NUMBER],
      'True when everything before, or all the named jobs or stages, ran to an end.',
      (args) => status(args).succeededOrFailed(names(args)),
    ],
  ],
)

/** `counter`, which remembers across runs through the scope's port. */
export const counterFunctions = family({ phases: ['runtimeVariable'], traces: 'result' }, [
  [
    'counter',
    [0, 2],
    'The next number of a prefix, kept for each pipeline; the second argument is the first number.',
    (args) => {
      const prefix = args.count > 0 ? args.text(0) : ''
      const seed = args.count > 1 ? args.number(1) : 0
      return args.scope.counter?.(prefix, seed) ?? args.fail('No counter can be kept here.')
    },
  ],
])

function status(args: Arguments): StatusPort {
  return args.scope.status ?? args.fail('No status is known here.')
}

function names(args: Arguments): string[] {
  return Array.from({ length: args.count }, (_, i) => args.text(i))
}
