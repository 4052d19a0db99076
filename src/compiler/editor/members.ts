import type { Phase } from '../expressions/index.ts'
import { scalarOf } from './locate.ts'
import { type Declared, findDeclared, stepsOf } from './outline.ts'
import { predefinedVariables } from './predefined-variables.ts'
import { stepSettings } from './variables.ts'
import { jobsAround, type View } from './view.ts'

/** A name that may stand behind a named value. */
export interface Member {
  readonly name: string
  readonly doc: string
}

/**
 * The names below a path such as `dependencies.Build.outputs`; empty where they are not known. The
 * path's parts are written out, without quotes.
 */
export function membersOf(path: readonly string[], phase: Phase, view: View): readonly Member[] {
  const [root = '', ...rest] = path
  switch (root.toLowerCase()) {
    case 'variables':
      return rest.length === 0 ? variableMembers(view, phase) : []
    case 'parameters':
      return rest.length === 0 ? view.outline.parameters.map(toParameter) : []
    case 'dependencies':
      return dependencyMembers(rest, phase, view)
    case 'stagedependencies':
      return stageDependencyMembers(rest, view)
    case 'pipeline':
      return rest.length === 0 ? [{ name: 'startTime', doc: 'When the run started.' }] : []
    case 'resources':
      return resourceMembers(rest, view)
    default:
      return []
  }
}

/** The variables that a place can read, once by name; those of the file before the predefined. */
export function variableMembers({ variables }: View, phase: Phase | 'macro'): readonly Member[] {
  const found = new Map<string, Member>()
  for (const { name, value, level } of variables.settings) {
    if (phase === 'template' && level === 'step') continue
    const doc = value === undefined ? 'Set by a step while the job runs.' : `${level}: ${value}`
    found.set(name.toLowerCase(), { name, doc })
  }
  for (const { name, doc, inTemplates } of predefinedVariables) {
    if (phase === 'template' && !inTemplates) continue
    if (!found.has(name.toLowerCase())) found.set(name.toLowerCase(), { name, doc })
  }
  return [...found.values()]
}

function toParameter({ name, token }: Declared): Member {
  const type = scalarOf(token, 'type')?.text ?? ''
  const shown = scalarOf(token, 'displayName')?.text
  return { name, doc: [shown, type && `Type ${type}.`].filter(Boolean).join(' ') || 'A parameter.' }
}

const JOB_FIELDS: readonly Member[] = [
  { name: 'result', doc: 'How it ended, for example Succeeded.' },
  { name: 'outputs', doc: 'Output variables of its steps.' },
]

function named(rows: readonly Declared[], what: string): readonly Member[] {
  return rows.map(({ name, token }) => ({
    name,
    doc: scalarOf(token, 'displayName')?.text ?? `A ${what}.`,
  }))
}

function dependencyMembers(rest: readonly string[], phase: Phase, view: View): readonly Member[] {
  const [name, field] = rest
  const inStage = phase === 'stageCondition'
  const rows = inStage ? view.outline.stages : jobsAround(view)
  const own = inStage ? view.stage?.token : view.job
  if (name === undefined) {
    return named(
      rows.filter(({ token }) => token !== own),
      inStage ? 'stage' : 'job',
    )
  }
  if (field === undefined) return JOB_FIELDS
  if (field.toLowerCase() !== 'outputs' || rest.length > 2) return []
  if (!inStage) return outputsOf(findDeclared(rows, name), '')
  const stage = findDeclared(view.outline.stages, name)
  return (stage?.jobs ?? []).flatMap((job) => outputsOf(job, `${job.name}.`))
}

function stageDependencyMembers(rest: readonly string[], view: View): readonly Member[] {
  const [stageName, jobName, field] = rest
  if (stageName === undefined) {
    return named(
      view.outline.stages.filter(({ token }) => token !== view.stage?.token),
      'stage',
    )
  }
  const jobs = findDeclared(view.outline.stages, stageName)?.jobs ?? []
  if (jobName === undefined) return named(jobs, 'job')
  if (field === undefined) return JOB_FIELDS
  return field.toLowerCase() === 'outputs' && rest.length === 3
    ? outputsOf(findDeclared(jobs, jobName), '')
    : []
}

/** Outputs that scripts of the job are seen to set, else the names of its steps. */
function outputsOf(job: Declared | undefined, prefix: string): readonly Member[] {
  const set = stepSettings(job?.token).filter(({ name }) => name.includes('.'))
  const names = set.map(({ name }) => ({ name: `${prefix}${name}`, doc: 'Set by a script.' }))
  const steps = stepsOf(job?.token).flatMap((step) => {
    const name = scalarOf(step, 'name')?.text
    return name && !set.some((one) => one.name.startsWith(`${name}.`))
      ? [{ name: `${prefix}${name}.`, doc: 'Outputs of the step; write the variable behind.' }]
      : []
  })
  return [...names, ...steps]
}

const RESOURCE_KINDS: Readonly<Record<string, 'repositories' | 'pipelines' | 'containers'>> = {
  repositories: 'repositories',
  pipelines: 'pipelines',
  containers: 'containers',
}

function resourceMembers(rest: readonly string[], { outline }: View): readonly Member[] {
  const [kind, alias] = rest
  if (kind === undefined) {
    return Object.keys(RESOURCE_KINDS).map((name) => ({ name, doc: 'Resources by alias.' }))
  }
  const list = RESOURCE_KINDS[kind.toLowerCase()]
  if (!list || alias !== undefined) return []
  const self =
    list === 'repositories' ? [{ name: 'self', doc: 'The repository of the pipeline.' }] : []
  return [...self, ...outline[list].map(({ name }) => ({ name, doc: 'A resource.' }))]
}
