import { Sealed } from '../../base/sealed.ts'
import type { PlanJob, PlanStage, VariableDeclaration } from '../../compiler/index.ts'
import type { Devops } from '../devops.ts'
import { groupValuePlace, listGroupsByName, type VariableGroup } from '../library/groups-store.ts'
import type { ExpressionScope } from '../ports.ts'
import type { DevopsTransaction } from '../tables.ts'
import {
  jobDependencies,
  type Output,
  type Producer,
  type StageNode,
  stageConditionDependencies,
  stageDependencies,
} from './contexts.ts'
import { countOnce } from './counters.ts'
import type { LiveRun } from './live-runs.ts'
import { runVariables } from './predefined.ts'
import {
  type GivenVariable,
  type ResolvedVariables,
  type RunVariable,
  resolveVariables,
  toContext,
} from './variables.ts'

/** One look at a run from inside a write, for conditions, variables and job requests. */
export interface RunScope {
  readonly devops: Devops
  readonly tx: DevopsTransaction
  readonly run: LiveRun
  /** Groups by lower-case name, as they are now. */
  readonly groups: ReadonlyMap<string, VariableGroup>
}

/** Reads what a scope needs; `declared` are the lists whose groups will be asked for. */
export async function openScope(
  devops: Devops,
  tx: DevopsTransaction,
  run: LiveRun,
  declared: readonly (readonly VariableDeclaration[])[],
): Promise<RunScope> {
  const names = declared.flat().flatMap((item) => (item.kind === 'group' ? [item.group] : []))
  const projectId = run.input.facts.projectId
  const groups = await listGroupsByName(tx.query, projectId, names)
  return {
    devops,
    tx,
    run,
    groups: new Map(groups.map((group) => [group.name.toLowerCase(), group])),
  }
}

/** The stages with the results they have so far. */
export function stageNodes({ input, state }: LiveRun): StageNode[] {
  return input.plan.stages.map((stage, at) => ({
    name: stage.name,
    dependsOn: state.stages[at]?.dependsOn ?? [],
    result: state.stages[at]?.result,
    jobs: jobNodes({ input, state }, at),
  }))
}

/** The jobs of a stage with the results they have so far. */
export function jobNodes(
  { input, state }: Pick<LiveRun, 'input' | 'state'>,
  stageAt: number,
): Producer[] {
  const jobs = state.stages[stageAt]?.jobs ?? []
  return (input.plan.stages[stageAt]?.jobs ?? []).map((job, at) => ({
    name: job.name,
    kind: job.kind,
    dependsOn: jobs[at]?.dependsOn ?? [],
    result: jobs[at]?.result,
  }))
}

/** What an output value is sealed to. */
export function outputPlace(
  runId: number,
  at: { stage: number; job: number; leg: number },
  name: string,
): string {
  return `output\n${runId}\n${at.stage}.${at.job}.${at.leg}\n${name.toLowerCase()}`
}

/** Outputs of the given jobs of a stage, or of all its jobs. */
async function readOutputs(
  scope: RunScope,
  stages: readonly number[],
  jobs?: readonly number[],
): Promise<Output[]> {
  if (stages.length === 0 || jobs?.length === 0) return []
  const { runId, state } = scope.run
  let select = scope.tx.query
    .selectFrom('devops_output')
    .selectAll()
    .where('run_id', '=', runId)
    .where('stage', 'in', [...stages])
  if (jobs) select = select.where('job', 'in', [...jobs])
  return (await select.execute()).map((row) => ({
    stage: row.stage,
    job: row.job,
    legName: state.stages[row.stage]?.jobs[row.job]?.legs[row.leg]?.name ?? '',
    name: row.name,
    value: scope.devops.sealer.open(outputPlace(runId, row, row.name), row.sealed).open(),
    isSecret: row.is_secret === 1,
  }))
}

const NAMES_DEPENDENCIES = /dependencies/i

/** Contexts beside `variables`, and the outputs in them that are secret. */
export interface Dependencies {
  readonly values: Readonly<Record<string, unknown>>
  readonly secrets: readonly Output[]
}

/** `dependencies` of a stage condition; outputs are read only when `texts` name the context. */
export async function stageContexts(
  scope: RunScope,
  stageAt: number,
  texts: readonly string[],
): Promise<Dependencies> {
  const nodes = stageNodes(scope.run)
  const outputs = texts.some((text) => NAMES_DEPENDENCIES.test(text))
    ? await readOutputs(scope, nodes[stageAt]?.dependsOn ?? [])
    : []
  return {
    values: { dependencies: stageConditionDependencies(nodes, stageAt, outputs) },
    secrets: outputs.filter(({ isSecret }) => isSecret),
  }
}

/** `dependencies` and `stageDependencies` of a job. */
export async function jobContexts(
  scope: RunScope,
  stageAt: number,
  jobAt: number,
  texts: readonly string[],
): Promise<Dependencies> {
  if (!texts.some((text) => NAMES_DEPENDENCIES.test(text))) {
    return { values: { dependencies: {}, stageDependencies: {} }, secrets: [] }
  }
  const stages = stageNodes(scope.run)
  const jobs = jobNodes(scope.run, stageAt)
  const near = await readOutputs(scope, [stageAt], jobs[jobAt]?.dependsOn ?? [])
  const far = await readOutputs(scope, stages[stageAt]?.dependsOn ?? [])
  return {
    values: {
      dependencies: jobDependencies(jobs, jobAt, near),
      stageDependencies: stageDependencies(stages, stageAt, far),
    },
    secrets: [...near, ...far].filter(({ isSecret }) => isSecret),
  }
}

/** Declared lists of a place, outermost first. */
export function declaredFor(
  run: LiveRun,
  stage: PlanStage,
  job?: PlanJob,
): (readonly VariableDeclaration[])[] {
  const lists = [run.input.plan.variables, stage.variables]
  return job ? [...lists, job.variables] : lists
}

/** Precedence, then `$[ ]` in the order of declaration. @throws Fault `ExpressionWrong` */
export async function variablesFor(
  scope: RunScope,
  declared: readonly (readonly VariableDeclaration[])[],
  dependencies: Dependencies,
  system: readonly GivenVariable[],
): Promise<ResolvedVariables> {
  const { devops, run, groups } = scope
  const given = run.input.given.map(({ name, value, isSecret }) => ({
    name,
    value: isSecret ? new Sealed(value) : value,
    isSecret,
  }))
  const resolved = resolveVariables(
    { given, declared, system: [...runVariables(run.input.facts), ...system] },
    (name) => groups.get(name.toLowerCase()),
    (group, { name, sealed }) =>
      sealed ? devops.sealer.open(groupValuePlace(group.id, name), sealed) : undefined,
  )
  return {
    claims: resolved.claims,
    variables: await evaluateAll(scope, resolved.variables, dependencies),
  }
}

/** Texts of a declaration list that can hold an expression. */
export function textsOf(declared: readonly (readonly VariableDeclaration[])[]): string[] {
  return declared.flat().flatMap((item) => (item.kind === 'value' ? [item.value] : []))
}

async function evaluateAll(
  scope: RunScope,
  variables: ReadonlyMap<string, RunVariable>,
  dependencies: Dependencies,
): Promise<Map<string, RunVariable>> {
  const evaluated = new Map(variables)
  const context = toContext(variables)
  for (const [key, variable] of variables) {
    const text = variable.value instanceof Sealed ? undefined : variable.value
    const expression = text === undefined ? undefined : scope.devops.expressions.findRuntime(text)
    if (expression === undefined) continue
    const result = toText(
      await evaluateCounting(scope, expression, {
        phase: 'runtimeVariable',
        values: { variables: context, ...dependencies.values },
        mask: maskOf(evaluated, dependencies),
      }),
    )
    context[variable.name] = result
    const isSecret = variable.isSecret || isTainted(expression, result, evaluated, dependencies)
    evaluated.set(key, { ...variable, isSecret, value: isSecret ? new Sealed(result) : result })
  }
  return evaluated
}

/** Stops an evaluation that asks for a number which has not been read yet. */
class NumberWanted extends Error {
  readonly prefix: string
  readonly seed: number

  constructor(prefix: string, seed: number) {
    super('A counter must be read first.')
    this.prefix = prefix
    this.seed = seed
  }
}

/** Expressions wait for nothing: one that counts is evaluated again when its number is there. */
async function evaluateCounting(
  { devops, tx, run }: RunScope,
  expression: string,
  given: ExpressionScope,
): Promise<unknown> {
  const numbers = new Map<string, number>()
  const counter = (prefix: string, seed: number): number => {
    const value = numbers.get(prefix)
    if (value === undefined) throw new NumberWanted(prefix, seed)
    return value
  }
  for (;;) {
    try {
      return devops.expressions.evaluate(expression, { ...given, counter })
    } catch (thrown) {
      if (!(thrown instanceof NumberWanted)) throw thrown
      numbers.set(thrown.prefix, await countOnce(tx, run, thrown.prefix, thrown.seed))
    }
  }
}

/** Takes the secrets that an expression can see out of a message about it. */
export function maskOf(
  variables: ReadonlyMap<string, RunVariable>,
  dependencies: Dependencies,
): (text: string) => string {
  return (text) => {
    const secrets = [...variables.values()].flatMap(({ value }) =>
      value instanceof Sealed ? [value.open()] : [],
    )
    const all = [...secrets, ...dependencies.secrets.map(({ value }) => value)]
    const longestFirst = all.filter((value) => value !== '').sort((a, b) => b.length - a.length)
    return longestFirst.reduce((masked, value) => masked.replaceAll(value, '***'), text)
  }
}

/** True when a secret is in the result, or is named by the expression that made it. */
export function isTainted(
  expression: string,
  result: string,
  variables: ReadonlyMap<string, RunVariable>,
  dependencies: Dependencies,
): boolean {
  const words = new Set(expression.toLowerCase().split(/[^\w.-]+/))
  const names = new Set([...words].flatMap((word) => [word, word.replace(/^variables\./, '')]))
  const text = expression.toLowerCase()
  const isNamed = (name: string) =>
    /^[\w.-]+$/.test(name) ? namesWord(names, name) : text.includes(name)
  const holds = (name: string, value: string) =>
    isNamed(name.toLowerCase()) || (value !== '' && result.includes(value))
  return (
    [...variables.values()].some(
      ({ name, value }) => value instanceof Sealed && holds(name, value.open()),
    ) || dependencies.secrets.some(({ name, value }) => holds(name, value))
  )
}

/** `s.token` is named by `s.token` and by `leg.s.token`, but not by `tokens`. */
function namesWord(words: ReadonlySet<string>, name: string): boolean {
  return words.has(name) || [...words].some((word) => word.endsWith(`.${name}`))
}

/** The value of a `$[ ]` as a variable holds it: casts as in `format`, objects as JSON. */
export function toText(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Evaluates a job field such as `timeoutInMinutes` when it is a `$[ ]`. */
export function evaluateField(
  scope: RunScope,
  text: string,
  variables: ReadonlyMap<string, RunVariable>,
  dependencies: Dependencies,
): unknown {
  const expression = scope.devops.expressions.findRuntime(text)
  if (expression === undefined) return expandMacros(text, variables)
  const fieldScope: ExpressionScope = {
    phase: 'jobField',
    values: { variables: toContext(variables), ...dependencies.values },
    mask: maskOf(variables, dependencies),
  }
  return scope.devops.expressions.evaluate(expression, fieldScope)
}

/** `$(name)` of public variables, once; unknown names stay. */
export function expandMacros(
  text: string,
  variables: ReadonlyMap<string, Pick<RunVariable, 'value'>>,
): string {
  return text.replaceAll(/\$\(([^()]+)\)/g, (whole, name: string) => {
    const value = variables.get(name.toLowerCase())?.value
    return typeof value === 'string' ? value : whole
  })
}
