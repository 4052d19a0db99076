import { grammar } from '../schema/grammar.ts'
import type { Proposal } from './completion.ts'
import { type Holder, keyHolder } from './holder.ts'
import { entriesOf, type Level, scalarOf } from './locate.ts'
import type { Declared } from './outline.ts'
import { findInput, findTask, taskText } from './task-words.ts'
import { jobsAround, type View } from './view.ts'

/** The texts that may stand at the cursor. `typed` is what stands before it. */
export function valueProposals(view: View, typed: string): readonly Proposal[] {
  const level = view.levels.at(-1)
  if (!level) return []
  const holder = keyHolder(view.levels)
  const named = holder ? namedProposals(holder, view, typed) : []
  return named.length > 0 ? named : textProposals(level.declared)
}

/** Values of the shapes that are texts. */
function textProposals(declared: string): readonly Proposal[] {
  const shape = grammar[declared]
  if (shape?.kind === 'choice') return shape.of.flatMap(textProposals)
  if (shape?.kind !== 'text') return []
  const values = shape.values ?? (shape.format === 'boolean' ? ['true', 'false'] : [])
  return values.map((label) => ({ label, kind: 'value' }))
}

function namedProposals({ key, owner }: Holder, view: View, typed: string): readonly Proposal[] {
  const { outline } = view
  const { name } = owner
  if (key === 'task' && name === 'taskStep') return taskProposals(view)
  if (key === 'dependsOn') return dependencyProposals(owner, view)
  if (key === 'checkout') return [...words('none', 'self'), ...references(outline.repositories)]
  if (key === 'download') return [...words('current', 'none'), ...references(outline.pipelines)]
  if (key === 'container' && name !== 'containerResource') {
    const host = name === 'targetMapping' ? words('host') : []
    return [...host, ...references(outline.containers)]
  }
  if (key === 'target') return [...words('host'), ...references(outline.containers)]
  if (key === 'repositories' && name === 'uses') return references(outline.repositories)
  if (key === 'template') return aliasProposals(view, typed)
  if (owner.entry?.key.text === 'inputs') return inputValues(key, view)
  if (owner.name === 'services') return references(outline.containers)
  return []
}

function words(...labels: readonly string[]): readonly Proposal[] {
  return labels.map((label) => ({ label, kind: 'value' }))
}

function references(rows: readonly Declared[]): readonly Proposal[] {
  return rows.map(({ name, token }) => {
    const docs = (scalarOf(token, 'displayName') ?? scalarOf(token, 'name'))?.text
    return { label: name, kind: 'reference', ...(docs && docs !== name ? { docs } : {}) }
  })
}

function taskProposals({ document }: View): readonly Proposal[] {
  return (document.tasks ?? []).map((task) => ({
    label: `${task.name}@${task.major}`,
    kind: 'task',
    detail: task.friendlyName,
    docs: taskText(task),
  }))
}

/** Stages in a stage, jobs in a job; the own name and those that are there are left out. */
function dependencyProposals(owner: Level, view: View): readonly Proposal[] {
  const rows = owner.name === 'ordinaryStage' ? view.outline.stages : jobsAround(view)
  const written = entriesOf(owner.token).find(({ key }) => key.text === 'dependsOn')?.value
  const there = written?.kind === 'sequence' ? written.items : []
  const isThere = (name: string) =>
    there.some((item) => item.kind === 'scalar' && item.text === name)
  return references(rows.filter(({ name, token }) => token !== owner.token && !isThere(name)))
}

/** Behind `path@`, the aliases of repositories. */
function aliasProposals({ outline }: View, typed: string): readonly Proposal[] {
  const at = typed.indexOf('@')
  if (at < 0) return []
  const path = typed.slice(0, at + 1)
  return [...words('self'), ...references(outline.repositories)].map((one) => {
    return { ...one, label: `${path}${one.label}` }
  })
}

function inputValues(key: string, { levels, document }: View): readonly Proposal[] {
  const step = levels.findLast(({ name }) => name === 'taskStep')?.token
  const task = findTask(document.tasks ?? [], scalarOf(step, 'task')?.text ?? '')
  return findInput(task, key)?.input.kind === 'flag' ? words('true', 'false') : []
}
