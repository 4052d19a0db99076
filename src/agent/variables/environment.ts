import { utf8Length } from '../../base/bytes.ts'
import { Fault } from '../../base/fault.ts'
import { TRACKING_VARIABLE } from '../processes/process-tree.ts'
import { toEnvironmentName } from './macros.ts'
import type { VariableStore } from './variable-store.ts'

/** Linux refuses to start a program when one `NAME=value` is longer than this. */
const MAX_ENTRY_BYTES = 131_071

export interface EnvironmentRequest {
  /** What the composer lets every child inherit. */
  readonly inherited: Readonly<Record<string, string>>
  readonly variables: VariableStore
  /** The step's `env:`, macros resolved; it may hold secrets, because somebody asked for them. */
  readonly mapped: Readonly<Record<string, string>>
  /** Folders of `task.prependpath`, the latest first. */
  readonly pathPrefixes: readonly string[]
  readonly trackingValue: string
  /** Public values of `task.settaskvariable`. */
  readonly taskVariables: ReadonlyMap<string, string>
}

export interface StepEnvironment {
  readonly values: Readonly<Record<string, string>>
  /** Names of variables that no program can be given, because they are too long. */
  readonly tooLong: readonly string[]
}

/**
 * The environment of a step's processes: inherited, then public variables, then the step's own
 * mapping. Secrets come in through that mapping only; PATH changes through prefixes only (facts §4.10).
 *
 * @throws Fault `EnvironmentWrong` for a mapped value that no program can be given
 */
export function stepEnvironment(request: EnvironmentRequest): StepEnvironment {
  const values: Record<string, string> = { ...request.inherited }
  const tooLong: string[] = []
  delete values['SYSTEM_ACCESSTOKEN']
  const publicNames: string[] = []
  const secretNames: string[] = []
  for (const variable of request.variables.all()) {
    ;(variable.isSecret ? secretNames : publicNames).push(variable.name)
    if (variable.isSecret) continue
    const name = variable.preserveCase
      ? variable.name.replaceAll(/[. ]/g, '_')
      : toEnvironmentName(variable.name)
    const value = variable.value.open()
    if (name.toUpperCase() === 'PATH' || !isEnvironmentName(name)) continue
    if (fits(name, value)) values[name] = value
    else tooLong.push(variable.name)
    if (name === 'AGENT_JOBSTATUS') values['agent.jobstatus'] = value
  }
  for (const [name, value] of request.taskVariables) {
    values[`VSTS_TASKVARIABLE_${toEnvironmentName(name)}`] = value
  }
  putNames(values, 'VSTS_PUBLIC_VARIABLES', publicNames)
  putNames(values, 'VSTS_SECRET_VARIABLES', secretNames)
  values['TF_BUILD'] = 'True'
  for (const [name, value] of Object.entries(request.mapped)) {
    if (!fits(name, value) || !isEnvironmentName(name)) throw unusable(name)
    values[name] = value
  }
  values[TRACKING_VARIABLE] = request.trackingValue
  prefixPath(values, request.pathPrefixes)
  return { values, tooLong }
}

function isEnvironmentName(name: string): boolean {
  return name !== '' && !/[=\0]/.test(name)
}

function fits(name: string, value: string): boolean {
  return !value.includes('\0') && utf8Length(value) + utf8Length(name) + 2 <= MAX_ENTRY_BYTES
}

function putNames(values: Record<string, string>, name: string, names: readonly string[]): void {
  const list = JSON.stringify(names)
  if (fits(name, list)) values[name] = list
}

function unusable(name: string): Fault<'EnvironmentWrong'> {
  return new Fault(
    'EnvironmentWrong',
    `The environment variable '${name}' of this step cannot be given to a program: its name is empty or has '=', or its value has a NUL character or is longer than ${MAX_ENTRY_BYTES} bytes.`,
  )
}

function prefixPath(values: Record<string, string>, prefixes: readonly string[]): void {
  if (prefixes.length === 0) return
  const separator = process.platform === 'win32' ? ';' : ':'
  const name = Object.keys(values).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  values[name] = [...prefixes, values[name]].filter(Boolean).join(separator)
}
