import { type Entry, find, mappingAt, scalarAt, sequenceAt, type Token } from '../text/token.ts'
import type { ModelContext } from './context.ts'
import { desugar } from './desugar.ts'

/** Keys that a step keeps when its sugar is undone. */
const KEPT = new Set([
  'name',
  'displayName',
  'condition',
  'continueOnError',
  'enabled',
  'env',
  'target',
  'timeoutInMinutes',
  'retryCountOnTaskFailure',
])

/**
 * Steps, jobs or stages as a typed parameter shows them to a template: every step is a task
 * (facts §4.4). Places stay those of the original.
 */
export function withTasks(
  token: Token,
  kind: 'steps' | 'jobs' | 'stages',
  context: ModelContext,
): Token {
  if (token.kind !== 'sequence') return token
  const items = token.items.map((item) => {
    if (kind === 'steps') return toTaskToken(item, context)
    return mapEntries(item, (key, value) => {
      if (kind === 'stages') return key === 'jobs' ? withTasks(value, 'jobs', context) : value
      if (key === 'steps') return withTasks(value, 'steps', context)
      return key === 'strategy' ? withHookTasks(value, context) : value
    })
  })
  return sequenceAt(token, items)
}

/** The hooks of a deployment strategy, at any depth, with their steps as tasks. */
function withHookTasks(token: Token, context: ModelContext): Token {
  return mapEntries(token, (key, value) =>
    key === 'steps' ? withTasks(value, 'steps', context) : withHookTasks(value, context),
  )
}

function mapEntries(token: Token, change: (key: string, value: Token) => Token): Token {
  if (token.kind !== 'mapping') return token
  return mappingAt(
    token,
    token.entries.map(({ key, value }) => ({ key, value: change(key.text, value) })),
  )
}

function toTaskToken(item: Token, context: ModelContext): Token {
  if (item.kind !== 'mapping' || find(item, 'task')) return item
  const plain = desugar(item, context)
  if (!plain) return item
  const at = item.entries[0]?.key ?? item
  const text = (name: string, value: string): Entry => ({
    key: scalarAt(at, name),
    value: scalarAt(at, value),
  })
  const { name, version } = plain.task
  const kept = item.entries.filter(
    ({ key }) => KEPT.has(key.text) && !(key.text === 'condition' && plain.condition),
  )
  const inputs = Object.entries(plain.inputs).map(([input, value]) => text(input, value))
  return mappingAt(item, [
    text('task', `${name}@${version}`),
    ...kept,
    ...(plain.condition ? [text('condition', plain.condition)] : []),
    { key: scalarAt(at, 'inputs'), value: mappingAt(at, inputs) },
  ])
}
