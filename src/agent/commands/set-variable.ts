import { Fault } from '../../base/fault.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { RunningStep } from '../steps/step-attempt.ts'

export interface SetVariableOptions {
  readonly isSecret?: boolean
  readonly isOutput?: boolean
  readonly isReadOnly?: boolean
  readonly preserveCase?: boolean
}

/**
 * Sets a variable for the following steps (facts §4.10). An output becomes `stepRef.name`. A name that
 * the step may not set stays as it is, with a warning; so does the readonly rule, unless the server
 * made it strict.
 *
 * @throws Fault `VariableReadOnly`
 */
export function setVariable(
  { run, step, report }: RunningStep,
  name: string,
  value: string | Sealed,
  options: SetVariableOptions,
): void {
  const { variables } = run
  const isOutput = options.isOutput === true
  const stored = isOutput ? `${step.refName}.${name}` : name
  if (!maySet(step.target?.settableVariables, name)) {
    if (typeof value !== 'string' || options.isSecret) run.masker.add(value, 'variable')
    report.warning(`Setting variable '${name}' has been disabled by the task or build definition.`)
    return
  }
  if (variables.isReadOnly(stored)) {
    if (variables.isTrue('agent.readOnlyVariables')) {
      throw new Fault(
        'VariableReadOnly',
        `Overwriting readonly variable '${stored}' is not permitted. See https://github.com/microsoft/azure-pipelines-yaml/blob/master/design/readonly-variables.md for details.`,
      )
    }
    report.warning(
      `Overwriting readonly variable '${stored}'. This behavior will be disabled in the future. See https://github.com/microsoft/azure-pipelines-yaml/blob/master/design/readonly-variables.md for details.`,
    )
  }
  variables.set(stored, value, { ...options, isOutput })
}

function maySet(settable: readonly string[] | 'none' | undefined, name: string): boolean {
  if (settable === undefined) return true
  if (settable === 'none') return false
  return settable.some((allowed) => allowed.toLowerCase() === name.toLowerCase())
}
