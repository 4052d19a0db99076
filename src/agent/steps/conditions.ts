import {
  evaluateCondition,
  ObjectValue,
  type StatusPort,
} from '../../compiler/expressions/index.ts'
import type { TaskResult } from '../../protocol/index.ts'
import { type JobRun, jobStatus } from '../job-run.ts'

export type StepCondition =
  | { readonly kind: 'holds'; readonly trace: readonly string[] }
  | { readonly kind: 'doesNotHold'; readonly trace: readonly string[] }
  | { readonly kind: 'wrong'; readonly message: string }

/** Whether a step may run as the job stands now. */
export function evaluateStep(run: JobRun, condition: string | undefined): StepCondition {
  const result = evaluateCondition(condition, {
    phase: 'stepCondition',
    values: { variables: () => variablesOf(run) },
    status: statusPort(jobStatus(run)),
    mask: (text) => run.masker.mask(text),
  })
  if (!result.ok) {
    const { message, hint } = result.error
    const advice = hint ? ` ${hint}` : ''
    return { kind: 'wrong', message: `The condition '${condition}' is wrong: ${message}${advice}` }
  }
  return { kind: result.holds ? 'holds' : 'doesNotHold', trace: result.trace }
}

function variablesOf(run: JobRun): ObjectValue {
  const values = run.variables.all().map(({ name, value }) => [name, value.open()])
  return new ObjectValue(Object.fromEntries(values) as Record<string, string>)
}

/** The status functions of a step: they look at the job so far (facts §4.6). */
function statusPort(status: TaskResult): StatusPort {
  const succeeded = status === 'Succeeded' || status === 'SucceededWithIssues'
  return {
    always: () => true,
    canceled: () => status === 'Canceled',
    failed: () => status === 'Failed',
    succeeded: () => succeeded,
    succeededOrFailed: () => succeeded || status === 'Failed',
  }
}
