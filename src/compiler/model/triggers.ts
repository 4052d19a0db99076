import type { BranchTrigger, IncludeExclude, PullRequestTrigger, Schedule } from '../plan.ts'
import { find, isEmpty, type Token } from '../text/token.ts'
import { booleanAt, itemsOf, optional, textAt, textOf, textsOf } from './read.ts'

/** A filter; a plain list is its `include`. Undefined when absent. */
function toFilter(token: Token | undefined): IncludeExclude | undefined {
  if (!token || isEmpty(token)) return undefined
  if (token.kind !== 'mapping') return { include: textsOf(token), exclude: [] }
  return { include: textsOf(find(token, 'include')), exclude: textsOf(find(token, 'exclude')) }
}

/** `trigger:`; undefined means the service's default: every branch. */
export function toTrigger(token: Token | undefined): BranchTrigger | 'none' | undefined {
  if (!token || isEmpty(token)) return undefined
  if (textOf(token) === 'none') return 'none'
  if (token.kind === 'sequence') return { batch: false, ...optional('branches', toFilter(token)) }
  return {
    batch: booleanAt(token, 'batch', false),
    ...optional('branches', toFilter(find(token, 'branches'))),
    ...optional('paths', toFilter(find(token, 'paths'))),
    ...optional('tags', toFilter(find(token, 'tags'))),
  }
}

/** `pr:`; undefined means the service's default: every target branch. */
export function toPullRequestTrigger(
  token: Token | undefined,
): PullRequestTrigger | 'none' | undefined {
  if (!token || isEmpty(token)) return undefined
  if (textOf(token) === 'none') return 'none'
  return {
    autoCancel: booleanAt(token, 'autoCancel', true),
    drafts: booleanAt(token, 'drafts', true),
    ...optional('branches', toFilter(token.kind === 'mapping' ? find(token, 'branches') : token)),
    ...optional('paths', toFilter(find(token, 'paths'))),
  }
}

/** `schedules:` in order. */
export function toSchedules(token: Token | undefined): readonly Schedule[] {
  return itemsOf(token).map((item) => ({
    cron: (textAt(item, 'cron') ?? '').trim(),
    ...optional('displayName', textAt(item, 'displayName')),
    ...optional('branches', toFilter(find(item, 'branches'))),
    batch: booleanAt(item, 'batch', false),
    always: booleanAt(item, 'always', false),
  }))
}
