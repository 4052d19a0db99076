import { check } from '../schema/check.ts'
import { grammar } from '../schema/grammar.ts'
import {
  type Entry,
  find,
  isEmpty,
  type MappingToken,
  mappingAt,
  sequenceAt,
  type Token,
} from '../text/token.ts'
import { expandEntries } from './expand.ts'
import type { Expansion } from './expansion.ts'
import type { Files } from './files.ts'
import type { Frame } from './frame.ts'
import { openTemplate, withoutParameters } from './include.ts'

/** A root without `extends`, and the template it was made from, the outermost one. */
export interface Extended {
  readonly root: MappingToken
  readonly template?: { readonly template: string; readonly repository: string }
}

/** Replaces `extends` by what the template holds; templates may extend others. */
export function applyExtends(
  root: MappingToken,
  at: { readonly frame: Frame; readonly expansion: Expansion; readonly files: Files },
): Extended {
  const { expansion } = at
  const reference = find(root, 'extends')
  if (!reference) return { root }
  check(reference, 'extends', { grammar, sink: expansion.sink })
  const own = root.entries.filter(({ key }) => key.text !== 'extends')
  const opened = reference.kind === 'mapping' ? openTemplate(reference, at) : undefined
  // Without its template the pipeline holds nothing; an empty list keeps that from being reported.
  if (!opened) return { root: withNothing(root, own) }
  const { inside } = opened
  const expanded = expandEntries(withoutParameters(opened.root), {
    frame: inside,
    shape: expansion.shape('pipeline'),
    expansion,
  })
  const inner = applyExtends(expanded, { ...at, frame: inside })
  const { path: template, repository } = inside.origin
  return {
    root: mappingAt(root, mergeRoots(own, inner.root, expansion)),
    template: { template, repository },
  }
}

function withNothing(root: MappingToken, own: readonly Entry[]): MappingToken {
  const key = root.entries.find((entry) => entry.key.text === 'extends')?.key
  if (!key) return root
  const stages: Entry = {
    key: { ...key, text: 'stages' },
    value: { ...sequenceAt(key, []), broken: true },
  }
  return mappingAt(root, [...own, stages])
}

/** Keys that say when a pipeline runs; a template cannot contribute them (facts §4.1). */
const IGNORED = new Set(['trigger', 'pr', 'schedules', 'name', 'appendCommitMessageToRunName'])

const ALREADY: Readonly<Record<string, string>> = {
  variables:
    'The pipeline and the template it extends both define variables; move them to one of the two.',
}

function mergeRoots(
  own: readonly Entry[],
  template: MappingToken,
  expansion: Expansion,
): readonly Entry[] {
  const entries = [...own]
  for (const entry of template.entries) {
    const name = entry.key.text
    if (IGNORED.has(name)) continue
    const at = entries.findIndex(({ key }) => key.text === name)
    const mine = entries[at]
    if (!mine) {
      entries.push(entry)
    } else if (name === 'resources') {
      entries[at] = { key: mine.key, value: mergeResources(mine.value, entry.value) }
    } else {
      const message = `'${name}' is already defined`
      expansion.sink.add({
        code: 'duplicate-key',
        message,
        hint: ALREADY[name] ?? 'The pipeline that extends this template defines it.',
        spot: entry.key,
      })
    }
  }
  return entries
}

function mergeResources(mine: Token, others: Token): Token {
  if (isEmpty(mine) || isEmpty(others)) return isEmpty(mine) ? others : mine
  if (mine.kind === 'sequence' && others.kind === 'sequence') {
    return sequenceAt(mine, [...mine.items, ...others.items])
  }
  if (mine.kind !== 'mapping' || others.kind !== 'mapping') return mine
  const entries = [...mine.entries]
  for (const entry of others.entries) {
    const at = entries.findIndex(({ key }) => key.text === entry.key.text)
    const known = entries[at]
    if (known) entries[at] = { key: known.key, value: mergeResources(known.value, entry.value) }
    else entries.push(entry)
  }
  return mappingAt(mine, entries)
}
