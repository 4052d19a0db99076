import path from 'node:path'
import type { InputDeclaration, Task } from '../../tasks/index.ts'
import type { JobRun } from '../job-run.ts'
import { replaceMacros } from '../variables/macros.ts'
import { isMissingMacro } from './missing-macros.ts'

export interface TaskInputs {
  /** Every declared input: flags as booleans, the rest as text. */
  readonly values: Readonly<Record<string, string | boolean>>
  /** Names that the step gives and the task does not know. */
  readonly unknown: readonly string[]
  /** Required inputs without a value. */
  readonly required: readonly string[]
}

/** Names that a step uses in vain. */
export interface MissingNames {
  /** Macros that stayed as they are and look as if they were meant to be replaced. */
  readonly macros: Set<string>
  /** Secrets that are known by name only, because no step has fetched them; they are empty. */
  readonly unfetched: Set<string>
}

/**
 * The inputs of a task: defaults, then the step's (names and aliases without case), trimmed, macros
 * replaced once from the variables and once from the environment, file paths rooted (facts §5.5).
 */
export function taskInputs(
  run: JobRun,
  task: Task,
  given: Readonly<Record<string, string>>,
  missing: MissingNames,
): TaskInputs {
  const byKey = new Map(Object.entries(given).map(([name, text]) => [name.toLowerCase(), text]))
  const known = new Set<string>()
  const values: Record<string, string | boolean> = {}
  const required: string[] = []
  for (const [name, declared] of Object.entries(task.inputs)) {
    const keys = [name, ...(declared.aliases ?? [])].map((key) => key.toLowerCase())
    for (const key of keys) known.add(key)
    const text = keys.map((key) => byKey.get(key)).find((value) => value !== undefined)
    const expanded = expandText(run, (text ?? declared.default ?? '').trim(), missing)
    if (declared.required && expanded === '') required.push(name)
    values[name] = toInput(run, declared, expanded)
  }
  const unknown = Object.keys(given).filter((name) => !known.has(name.toLowerCase()))
  return { values, unknown, required }
}

/** `text` with macros replaced once by variables, then once by the agent's environment. */
function expandText(run: JobRun, text: string, missing: MissingNames): string {
  const fromVariables = replaceMacros(text, (name) => {
    const found = run.variables.find(name)
    if (found && !found.hasValue) missing.unfetched.add(found.name)
    return found?.value.open()
  })
  return replaceMacros(fromVariables, (name) => {
    const { environment } = run.settings
    const value = Object.hasOwn(environment, name) ? environment[name] : undefined
    if (value === undefined && isMissingMacro(name, text, environment)) {
      missing.macros.add(name)
    }
    return value
  })
}

/** `text` with macros replaced once by variables; names without a variable stay. */
export function expandVariables(run: JobRun, text: string): string {
  return replaceMacros(text, (name) => run.variables.text(name))
}

/** The step's `env:` with its macros replaced, trimmed (facts/integration.md §6.0). */
export function stepMapping(
  run: JobRun,
  env: Readonly<Record<string, string>>,
  missing: MissingNames,
): Record<string, string> {
  const mapped = Object.entries(env).map(([name, text]) => [
    name,
    expandText(run, text, missing).trim(),
  ])
  return Object.fromEntries(mapped) as Record<string, string>
}

function toInput(run: JobRun, declared: InputDeclaration, text: string): string | boolean {
  if (declared.kind === 'flag') return text.toLowerCase() === 'true'
  if (declared.kind === 'text') return text
  const root = run.variables.text('System.DefaultWorkingDirectory') ?? run.sources
  return path.resolve(root, text)
}
