import type { Plan } from '../plan.ts'
import type { Sink } from '../sink.ts'
import { find, type MappingToken } from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'
import { booleanAt, headOf, optional, textAt } from './read.ts'
import { toResources } from './resources.ts'
import { IMPLICIT_JOB_KEYS, lockBehaviorOf, toStages } from './stages.ts'
import { toPullRequestTrigger, toSchedules, toTrigger } from './triggers.ts'
import { toVariables } from './variables.ts'

const SHAPES = ['stages', 'jobs', 'steps', 'phases', 'extends'] as const

/** Turns a checked and expanded root mapping into the plan; what does not fit goes to the sink. */
export function toPlan(root: MappingToken, sink: Sink): Plan {
  const context: ModelContext = { sink, resources: toResources(find(root, 'resources'), sink) }
  checkRootShape(root, context)
  return {
    ...optional('name', textAt(root, 'name')),
    appendCommitMessageToRunName: booleanAt(root, 'appendCommitMessageToRunName', true),
    trigger: toTrigger(find(root, 'trigger')),
    pr: toPullRequestTrigger(find(root, 'pr')),
    schedules: toSchedules(find(root, 'schedules')),
    resources: context.resources,
    variables: toVariables(find(root, 'variables'), context),
    ...optional('lockBehavior', lockBehaviorOf(root)),
    stages: toStages(root, context),
  }
}

/** A pipeline is one of stages, jobs, steps or extends, never two of them. */
function checkRootShape(root: MappingToken, context: ModelContext): void {
  const present = root.entries.filter(({ key }) => (SHAPES as readonly string[]).includes(key.text))
  const [first, ...others] = present
  if (!first) {
    const message = `The pipeline has nothing to run: it needs one of ${SHAPES.slice(0, 3).join(', ')} or extends.`
    refuse(context, headOf(root), ['nothing-to-run', message])
    return
  }
  for (const { key } of others) {
    const hint = `A pipeline has either '${first.key.text}' or '${key.text}', not both.`
    refuse(context, key, ['unexpected-key', `Unexpected value '${key.text}'`, hint])
  }
  if (first.key.text === 'steps') return
  for (const { key } of root.entries) {
    if (key.text === 'steps' || !IMPLICIT_JOB_KEYS.includes(key.text)) continue
    const hint = `'${key.text}' stands at the root only beside 'steps'; move it into a job.`
    refuse(context, key, ['unexpected-key', `Unexpected value '${key.text}'`, hint])
  }
}
