import type { Place } from '../diagnostic.ts'
import type { Plan, VariableDeclaration } from '../plan.ts'

/** One level that may set variables: the pipeline, a stage or a job. */
interface VariableOwner {
  readonly words: string
  readonly variables: readonly VariableDeclaration[]
}

/** A place as text: `file:line:column`. */
export function placeText({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`
}

/**
 * The lines that tell where a variable gets its value and what overrides it; undefined for a name
 * that nothing sets. `queued` are variables that were set when the run was queued.
 */
export function variableStory(
  name: string,
  plan: Plan,
  queued: Readonly<Record<string, string>>,
): readonly string[] | undefined {
  const wanted = name.toLowerCase()
  const [pipeline, ...inner] = ownersOf(plan)
  const set = settingsIn(pipeline, wanted)
  const queuedValue = Object.entries(queued).find(([key]) => key.toLowerCase() === wanted)?.[1]
  const overrides = inner.flatMap((owner) =>
    settingsIn(owner, wanted)
      .slice(-1)
      .map((one) => `  ${owner.words} sets ${quote(one.value)} instead (${placeText(one.place)})`),
  )
  const winner = set.at(-1)
  if (!winner && queuedValue === undefined && overrides.length === 0) return undefined
  const lines: string[] = []
  if (winner) {
    lines.push(
      `${winner.name} = ${winner.value}`,
      `  set by the pipeline (${placeText(winner.place)})`,
    )
    for (const lost of set.slice(0, -1).reverse()) {
      lines.push(`  overrides ${quote(lost.value)} of the same list (${placeText(lost.place)})`)
    }
    if (queuedValue !== undefined) {
      lines.push(`  overrides ${quote(queuedValue)}, which was set when the run was queued`)
    }
  } else if (queuedValue !== undefined) {
    lines.push(`${name} = ${queuedValue}`, '  set when the run was queued')
  } else lines.push(`${name} is not set by the pipeline`)
  return [...lines, ...overrides, ...groupLines(pipeline)]
}

function quote(text: string): string {
  return `'${text}'`
}

function ownersOf(plan: Plan): readonly VariableOwner[] {
  return [
    { words: 'the pipeline', variables: plan.variables },
    ...plan.stages.flatMap((stage) => [
      { words: `stage ${stage.name}`, variables: stage.variables },
      ...stage.jobs.map((job) => {
        return { words: `job ${stage.name}.${job.name}`, variables: job.variables }
      }),
    ]),
  ]
}

function settingsIn(owner: VariableOwner | undefined, wanted: string) {
  return (owner?.variables ?? []).filter(
    (one) => one.kind === 'value' && one.name.toLowerCase() === wanted,
  ) as readonly Extract<VariableDeclaration, { kind: 'value' }>[]
}

function groupLines(owner: VariableOwner | undefined): readonly string[] {
  const groups = (owner?.variables ?? []).flatMap((one) =>
    one.kind === 'group' ? [`${one.group} (${placeText(one.place)})`] : [],
  )
  return groups.length === 0
    ? []
    : [`  may also come from the groups ${groups.join(', ')}, which are read when a stage starts`]
}
