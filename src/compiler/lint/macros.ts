import type { Plan, PlanJob, PlanStage, PlanStep, VariableDeclaration } from '../plan.ts'
import { nearest } from '../schema/suggest.ts'
import type { Sink } from '../sink.ts'

/** The names that `$(name)` can mean at one place; `open` when more may exist at run time. */
interface KnownNames {
  /** Spellings by lower-case name. */
  readonly names: ReadonlyMap<string, string>
  readonly open: boolean
}

/** Prefixes of variables that the service and the agent define. */
const PREDEFINED =
  /^(system|build|agent|pipeline|environment|strategy|common|resources|release|checks|endpoint)\./i

/** Names the agent finds in the environment of its process (facts §4.10.5). */
const ENVIRONMENT = new Set([
  'path',
  'home',
  'user',
  'pwd',
  'shell',
  'tmp',
  'temp',
  'lang',
  'tf_build',
])

const MACRO = /\$\(([A-Za-z_][\w.-]*)\)/g
/** The properties are bounded, so that text without a closing bracket costs no more than other text. */
const SETS_VARIABLE = /task\.setvariable ([^\]\n]{0,300})\]/gi

/** Tasks whose effect on variables can be read from their script. */
const SCRIPTS = new Set(['cmdline', 'bash', 'powershell'])
const QUIET = new Set([
  '6d15af64-176c-496d-b583-fd2ae21d4df4',
  'publishpipelineartifact',
  'publishbuildartifacts',
  'downloadpipelineartifact',
  'copyfiles',
  'delay',
])

/**
 * Warns, once for each step, about macros that nothing gives a value: they stay as they are and
 * shells read them as commands. Silent where groups or tasks may bring names that are not known.
 */
export function warnUnresolvedMacros(
  plan: Plan,
  given: Readonly<Record<string, string>>,
  sink: Sink,
): void {
  const root = withVariables({ names: spellings(Object.keys(given)), open: false }, plan.variables)
  for (const stage of plan.stages) {
    const inStage = withVariables(root, stage.variables)
    for (const job of stage.jobs) checkJob(job, inStage, sink)
  }
}

function checkJob(job: PlanStage['jobs'][number], outer: KnownNames, sink: Sink): void {
  const known = withMatrix(withVariables(outer, job.variables), job)
  checkSteps(job.steps, known, sink)
  for (const hook of job.deployment?.hooks ?? []) checkSteps(hook.steps, known, sink)
}

function checkSteps(steps: readonly PlanStep[], known: KnownNames, sink: Sink): void {
  if (known.open) return
  const names = new Map(known.names)
  for (const step of steps) {
    const missing = unresolvedIn(step, names)
    if (missing.length > 0) report(step, missing, { names, sink })
    if (!addSetBy(step, names)) return
  }
}

/** Adds the variables a step sets; false when it may set any. */
function addSetBy(step: PlanStep, names: Map<string, string>): boolean {
  const task = step.task.name.toLowerCase()
  if (QUIET.has(task)) return true
  const { script, targettype } = lowerKeys(step.inputs)
  if (!SCRIPTS.has(task) || (targettype ?? 'inline').toLowerCase() !== 'inline') return false
  if (!script?.includes('##vso[')) return true
  for (const [, properties = ''] of script.matchAll(SETS_VARIABLE)) {
    const name = /(?:^|;)\s*variable=([^;\]]+)/i.exec(properties)?.[1]?.trim()
    if (name === undefined || name.includes('$')) return false
    // An output variable is read by its step's name only (facts §4.21 row 39).
    const isOutput = /(?:^|;)\s*isoutput=true/i.test(properties)
    const full = isOutput && step.name !== undefined ? `${step.name}.${name}` : name
    names.set(full.toLowerCase(), full)
  }
  // A program that the script starts may set variables too, but it is not worth silence.
  return true
}

interface Missing {
  readonly name: string
  readonly near: string | undefined
}

function unresolvedIn(step: PlanStep, names: ReadonlyMap<string, string>): readonly Missing[] {
  const missing = new Map<string, Missing>()
  const look = (text: string, isScript: boolean) => {
    if (!text.includes('$(')) return
    for (const [, name = ''] of text.matchAll(MACRO)) {
      const folded = name.toLowerCase()
      if (names.has(folded) || missing.has(folded)) continue
      if (PREDEFINED.test(name) || ENVIRONMENT.has(folded)) continue
      const near = nearest(name, names.values())
      // In a script, a small word may be a command that the shell is to run.
      if (isScript && near === undefined && /^[a-z_-]+$/.test(name)) continue
      missing.set(folded, { name, near })
    }
  }
  for (const [input, text] of Object.entries(step.inputs))
    if (text.includes('$(')) look(text, /script|arguments/i.test(input))
  for (const text of Object.values(step.env)) look(text, false)
  look(step.displayName ?? '', false)
  return [...missing.values()]
}

function report(
  step: PlanStep,
  missing: readonly Missing[],
  { names, sink }: { readonly names: ReadonlyMap<string, string>; readonly sink: Sink },
): void {
  const macros = missing.map(({ name }) => `$(${name})`).join(', ')
  const message =
    missing.length === 1
      ? `The macro ${macros} has no value and stays as it is.`
      : `The macros ${macros} have no value and stay as they are.`
  const near = missing.find((one) => one.near !== undefined)
  const hint = near
    ? `Did you mean '$(${near.near})'?`
    : names.size === 0
      ? 'Define the variable, or give it when the run is queued.'
      : 'Define the variable above this step, or give it when the run is queued.'
  sink.add({ code: 'unresolved-macro', severity: 'warning', message, hint, spot: step.place })
}

function withVariables(outer: KnownNames, declared: readonly VariableDeclaration[]): KnownNames {
  const names = declared.flatMap((entry) => (entry.kind === 'value' ? [entry.name] : []))
  const open = outer.open || declared.some(({ kind }) => kind === 'group')
  return { names: new Map([...outer.names, ...spellings(names)]), open }
}

function withMatrix(outer: KnownNames, job: PlanJob): KnownNames {
  const { strategy } = job
  if (strategy?.kind !== 'matrix') return outer
  if (typeof strategy.legs === 'string') return { ...outer, open: true }
  const names = Object.values(strategy.legs).flatMap((leg) => Object.keys(leg))
  return { names: new Map([...outer.names, ...spellings(names)]), open: outer.open }
}

function spellings(names: readonly string[]): ReadonlyMap<string, string> {
  return new Map(names.map((name) => [name.toLowerCase(), name]))
}

function lowerKeys(inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name.toLowerCase(), value]),
  )
}
