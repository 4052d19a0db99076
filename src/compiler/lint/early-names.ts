import type { Plan, PlanJob, VariableDeclaration } from '../plan.ts'
import type { Sink } from '../sink.ts'

/** Inputs that name a service connection. */
const CONNECTION =
  /^(connectedServiceName(ARM)?|azureSubscription|azureResourceManagerConnection|serviceConnection|kubernetesServiceConnection|dockerRegistryServiceConnection)$/i

const MACRO = /\$\(([^)]+)\)/g
const PREDEFINED = /^(system|build|resources|pipeline)\./i

/**
 * Warns about names that are needed before a job runs (connections, environments, pools, groups)
 * and come from variables that exist only while it runs (facts §4.8).
 */
export function warnLateNames(
  plan: Plan,
  given: Readonly<Record<string, string>>,
  sink: Sink,
): void {
  const root = new Set([...Object.keys(given).map(fold), ...namesOf(plan.variables)])
  for (const entry of plan.variables) checkGroup(entry, root, sink)
  for (const stage of plan.stages) {
    const known = new Set([...root, ...namesOf(stage.variables)])
    for (const entry of stage.variables) checkGroup(entry, known, sink)
    for (const job of stage.jobs) checkJob(job, known, sink)
  }
}

function checkJob(job: PlanJob, known: ReadonlySet<string>, sink: Sink): void {
  for (const entry of job.variables) checkGroup(entry, known, sink)
  check(job.deployment?.environment.name, ['environment', job.place], { known, sink })
  check(job.pool?.name, ['pool', job.place], { known, sink })
  const hooks = job.deployment?.hooks.flatMap(({ steps }) => steps) ?? []
  for (const step of [...job.steps, ...hooks]) {
    for (const [name, value] of Object.entries(step.inputs)) {
      if (value.includes('$(') && CONNECTION.test(name))
        check(value, ['service connection', step.place], { known, sink })
    }
  }
}

function checkGroup(entry: VariableDeclaration, known: ReadonlySet<string>, sink: Sink): void {
  if (entry.kind === 'group') check(entry.group, ['variable group', entry.place], { known, sink })
}

function check(
  text: string | undefined,
  [what, spot]: readonly [string, PlanJob['place']],
  { known, sink }: { readonly known: ReadonlySet<string>; readonly sink: Sink },
): void {
  if (!text?.includes('$(')) return
  const late = [...text.matchAll(MACRO)].flatMap(([, name = '']) =>
    known.has(fold(name)) || PREDEFINED.test(name) ? [] : [name],
  )
  if (late.length === 0) return
  const macros = late.map((name) => `$(${name})`).join(', ')
  sink.add({
    code: 'late-name',
    severity: 'warning',
    message: `The name of the ${what} is needed before the job runs, when ${macros} has no value yet.`,
    hint: 'Use a variable of the pipeline or stage, or a parameter; variables of jobs, groups and steps come too late.',
    spot,
  })
}

function namesOf(declared: readonly VariableDeclaration[]): readonly string[] {
  return declared.flatMap((entry) => (entry.kind === 'value' ? [fold(entry.name)] : []))
}

function fold(name: string): string {
  return name.toLowerCase()
}
