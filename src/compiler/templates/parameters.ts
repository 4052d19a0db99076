import { ObjectValue, type Value } from '../expressions/index.ts'
import { check } from '../schema/check.ts'
import { grammar } from '../schema/grammar.ts'
import { didYouMean } from '../schema/suggest.ts'
import type { Spot } from '../text/source.ts'
import { type Entry, find, type ScalarToken, type Token } from '../text/token.ts'
import type { Expansion } from './expansion.ts'
import { parameterTypes } from './parameter-types.ts'

/** Values given to a template, and where to complain about what is missing. */
export interface Given {
  readonly entries: readonly Entry[]
  readonly at: Spot
  /** Turns a typed list into its final form, in the file that it was written in. */
  finish(token: Token, kind: 'steps' | 'jobs' | 'stages', isDefault: boolean): Token
}

/** Parameters ready for expressions; `declared` is undefined for the older, untyped form. */
export interface Bound {
  readonly parameters: Value
  readonly declared: ReadonlyMap<string, string> | undefined
}

/**
 * Gives the declared parameters their values. `declarations` is the `parameters:` of the file: a
 * list is typed, a mapping is the older form in which any name may be passed.
 */
export function bindParameters(
  declarations: Token | undefined,
  given: Given,
  expansion: Expansion,
): Bound {
  if (declarations?.kind === 'sequence') return bindTyped(declarations.items, given, expansion)
  const defaults = declarations?.kind === 'mapping' ? declarations.entries : []
  const values = new Map<string, readonly [string, Value]>()
  for (const { key, value } of [...defaults, ...given.entries]) {
    const folded = key.text.toLowerCase()
    const spelling = values.get(folded)?.[0] ?? key.text
    values.set(folded, [spelling, expansion.values.toValue(value)])
  }
  return { parameters: new ObjectValue(new Map(values.values())), declared: undefined }
}

function bindTyped(items: readonly Token[], given: Given, expansion: Expansion): Bound {
  const declared = new Map<string, string>()
  const values = new Map<string, Value>()
  const passed = new Map(given.entries.map((entry) => [entry.key.text.toLowerCase(), entry]))
  for (const item of items) {
    const name = scalarAtKey(item, 'name')
    if (!name || name.text === '') continue
    const folded = name.text.toLowerCase()
    if (declared.has(folded)) {
      const message = `The parameter '${name.text}' is already defined`
      expansion.sink.add({ code: 'duplicate-name', message, spot: name })
      continue
    }
    declared.set(folded, name.text)
    values.set(name.text, bindOne(item, name, passed.get(folded)?.value, { given, expansion }))
  }
  for (const { key } of given.entries) {
    if (declared.has(key.text.toLowerCase())) continue
    const hint = didYouMean(key.text, declared.values())
    const message = `Unexpected parameter '${key.text}'`
    expansion.sink.add({ code: 'unexpected-parameter', message, hint, spot: key })
  }
  return { parameters: new ObjectValue(values), declared }
}

function bindOne(
  item: Token,
  name: ScalarToken,
  passed: Token | undefined,
  context: { readonly given: Given; readonly expansion: Expansion },
): Value {
  const { given, expansion } = context
  const token = passed ?? find(item, 'default')
  if (!token) {
    const message = `A value for the '${name.text}' parameter must be provided.`
    expansion.sink.add({ code: 'missing-parameter', message, spot: given.at })
    return null
  }
  const typeName = (scalarAtKey(item, 'type')?.text || 'string').toLowerCase()
  const type = parameterTypes[typeName] ?? parameterTypes['string']
  const typed = type?.convert(token, name.text)
  if (!typed || !type) return null
  if ('misfit' in typed) {
    const code = 'parameter-type'
    const hint = `The type of '${name.text}' is ${typeName}.`
    expansion.sink.add({ code, message: typed.misfit, hint, spot: token })
    return null
  }
  checkAllowed(item, name, token, expansion)
  if ('value' in typed) return typed.value
  const finished = type.templates ? given.finish(typed.token, type.templates, !passed) : typed.token
  if (type.single && isStepLike(type.shape)) {
    return expansion.values.toValue(
      finishSingle(typed.token, type.shape, (list, kind) => given.finish(list, kind, !passed)),
    )
  }
  if (type.shape && !type.templates) check(finished, type.shape, { grammar, sink: expansion.sink })
  return expansion.values.toValue(finished)
}

function isStepLike(shape: string | undefined): shape is 'step' | 'job' | 'stage' {
  return shape === 'step' || shape === 'job' || shape === 'stage'
}

function finishSingle(
  token: Token,
  shape: 'step' | 'job' | 'stage',
  finish: (list: Token, kind: 'steps' | 'jobs' | 'stages') => Token,
): Token {
  if (token.kind !== 'mapping') return token
  const { source, start, end } = token
  const list: Token = { kind: 'sequence', source, start, end, items: [token] }
  const finished = finish(list, `${shape}s`)
  return (finished.kind === 'sequence' ? finished.items[0] : undefined) ?? token
}

/** `values:` compares text, with case (facts §4.4). */
function checkAllowed(item: Token, name: ScalarToken, token: Token, expansion: Expansion): void {
  const values = find(item, 'values')
  if (values?.kind !== 'sequence') return
  const allowed = values.items.flatMap((one) => (one.kind === 'scalar' ? [one.text] : []))
  const given = token.kind === 'sequence' ? token.items : [token]
  for (const one of given) {
    if (one.kind !== 'scalar' || allowed.includes(one.text)) continue
    if (typeof one.value === 'boolean' && allowed.includes(String(one.value))) continue
    const message = `The '${name.text}' parameter value '${one.text}' is not a valid value. Allowed values: ${allowed.join(', ')}.`
    const hint = didYouMean(one.text, allowed)
    expansion.sink.add({ code: 'parameter-value', message, hint, spot: one })
  }
}

function scalarAtKey(item: Token, key: string): ScalarToken | undefined {
  const token = find(item, key)
  return token?.kind === 'scalar' ? token : undefined
}
