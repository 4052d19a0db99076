import type { Sink } from '../sink.ts'
import type { Spot } from '../text/source.ts'
import { isEmpty, type MappingToken, type ScalarToken, type Token } from '../text/token.ts'
import { chooseShape, kindOf } from './choose.ts'
import { misfitOf } from './formats.ts'
import type { Grammar, ObjectShape, Shape, TextShape } from './shape.ts'
import { didYouMean, nearest } from './suggest.ts'

/** What a check works with. */
export interface Checking {
  readonly grammar: Grammar
  readonly sink: Sink
}

/** Holds `token` against the shape `name`; every violation goes to the sink with its place. */
export function check(token: Token, name: string, into: Checking): void {
  const shape = into.grammar[name]
  if (!shape) throw new Error(`The grammar has no shape '${name}'.`)
  if (token.broken) return
  if (shape.expressions === 'none') refuseExpressions(token, into)
  checkShape(token, shape, into)
}

function checkShape(token: Token, shape: Shape, into: Checking): void {
  switch (shape.kind) {
    case 'any':
      return
    case 'choice': {
      const chosen = chooseShape(token, shape, into.grammar)
      if (chosen === undefined) reportNoChoice(token, shape.of, into)
      else check(token, chosen, into)
      return
    }
    case 'text':
      if (expectKind(token, 'scalar', into)) checkText(token as ScalarToken, shape, into)
      return
    case 'list':
      if (isEmpty(token)) return
      if (!expectKind(token, 'sequence', into)) return
      if (token.kind === 'sequence') for (const item of token.items) check(item, shape.of, into)
      return
    case 'map':
      if (isEmpty(token) || !expectKind(token, 'mapping', into)) return
      if (token.kind === 'mapping') {
        for (const entry of token.entries) check(entry.value, shape.of, into)
      }
      return
    case 'object':
      if (isEmpty(token) && shape.first === undefined && !hasRequired(shape)) return
      if (expectKind(token, 'mapping', into)) checkObject(token as MappingToken, shape, into)
  }
}

function hasRequired({ keys }: ObjectShape): boolean {
  return Object.values(keys).some(({ required }) => required)
}

function checkText(token: ScalarToken, shape: TextShape, into: Checking): void {
  const { text } = token
  // Refused as a whole where the shape allows no expressions; nothing else is said about it.
  if (token.style !== 'expression' && text.includes('${{')) return
  if (shape.values) {
    if (text === '' || includes(shape.values, text, shape.ignoreCase)) return
    const hint = didYouMean(text, shape.values) ?? `Allowed values: ${shape.values.join(', ')}.`
    report(into, token, ['unexpected-value', `Unexpected value '${text}'`, hint])
    return
  }
  if (shape.format === 'string') return
  const misfit = misfitOf(shape.format, text)
  if (misfit) report(into, token, [misfit.code, misfit.message, misfit.hint])
}

function includes(values: readonly string[], text: string, ignoreCase?: boolean): boolean {
  if (!ignoreCase) return values.includes(text)
  return values.some((value) => value.toLowerCase() === text.toLowerCase())
}

function checkObject(token: MappingToken, shape: ObjectShape, into: Checking): void {
  const { first, keys, extra } = shape
  const firstKey = token.entries[0]?.key
  if (first !== undefined && firstKey && firstKey.text !== first && token.entries.length > 0) {
    if (token.entries.some((entry) => entry.key.text === first)) {
      const hint = `'${first}' must be the first key here; move it up.`
      report(into, firstKey, ['key-order', `Unexpected value '${firstKey.text}'`, hint])
    }
  }
  for (const { key, value } of token.entries) {
    const row = Object.hasOwn(keys, key.text) ? keys[key.text] : undefined
    if (row) check(value, row.shape, into)
    else if (extra !== undefined) check(value, extra, into)
    else reportUnknownKey(key, Object.keys(keys), into)
  }
  for (const name in keys) {
    const row = keys[name]
    if (!row?.required || token.entries.some((entry) => entry.key.text === name)) continue
    const spot = { source: token.source, start: token.start, end: firstKey?.end ?? token.end }
    report(into, spot, ['missing-key', `The key '${name}' is missing.`, row.docs])
  }
}

function reportUnknownKey(key: ScalarToken, known: readonly string[], into: Checking): void {
  const near = nearest(key.text, known)
  const hint = near ? `Did you mean '${near}'?` : `Allowed here: ${known.join(', ')}.`
  report(into, key, ['unexpected-key', `Unexpected value '${key.text}'`, hint])
}

function reportNoChoice(token: Token, options: readonly string[], into: Checking): void {
  const shapes = options.map((name) => into.grammar[name]).filter((shape) => shape !== undefined)
  if (token.kind !== 'mapping') {
    const wanted = [...new Set(shapes.flatMap((shape) => kindOf(shape, into.grammar)))]
    if (token.kind === 'scalar' && wanted.includes('scalar')) {
      const values = shapes.flatMap((shape) => (shape.kind === 'text' ? (shape.values ?? []) : []))
      const hint = didYouMean(token.text, values) ?? `Allowed values: ${values.join(', ')}.`
      report(into, token, ['unexpected-value', `Unexpected value '${token.text}'`, hint])
      return
    }
    if (token.kind === 'scalar') {
      const message = isEmpty(token)
        ? `Expected ${words(wanted)}`
        : `Unexpected value '${token.text}'`
      report(into, token, ['unexpected-value', message, `Write ${words(wanted)} here.`])
      return
    }
    report(into, token, [`unexpected-${token.kind}`, `A ${token.kind} was not expected`, undefined])
    return
  }
  const firsts = shapes.flatMap((shape) =>
    shape.kind === 'object' && shape.first !== undefined ? [shape.first] : [],
  )
  const firstKey = token.entries[0]?.key
  if (firsts.length === 0) {
    report(into, token, ['unexpected-mapping', 'A mapping was not expected', undefined])
  } else if (firstKey) {
    const near = nearest(firstKey.text, firsts)
    const hint = near ? `Did you mean '${near}'?` : `Begin with one of: ${firsts.join(', ')}.`
    report(into, firstKey, ['unexpected-key', `Unexpected value '${firstKey.text}'`, hint])
  } else {
    const hint = `Begin with one of: ${firsts.join(', ')}.`
    report(into, token, ['missing-key', 'Expected at least one key-value pair', hint])
  }
}

function words(kinds: readonly string[]): string {
  return kinds.map((kind) => `a ${kind}`).join(' or ')
}

function expectKind(token: Token, kind: Token['kind'], into: Checking): boolean {
  if (token.kind === kind) return true
  if (token.kind === 'scalar') {
    const message = isEmpty(token) ? `Expected a ${kind}` : `Unexpected value '${token.text}'`
    report(into, token, ['unexpected-value', message, `Write a ${kind} here.`])
  } else {
    const message = `A ${token.kind} was not expected`
    report(into, token, [`unexpected-${token.kind}`, message, `Write a ${kind} here.`])
  }
  return false
}

function refuseExpressions(token: Token, into: Checking): void {
  if (token.kind === 'sequence') {
    for (const item of token.items) refuseExpressions(item, into)
  } else if (token.kind === 'mapping') {
    for (const { key, value } of token.entries) {
      refuseExpressions(key, into)
      refuseExpressions(value, into)
    }
  } else if (token.style !== 'expression' && token.text.includes('${{')) {
    const message = 'A template expression is not allowed in this context'
    const hint = 'Triggers and parameters are read before expressions are evaluated.'
    report(into, token, ['expression-not-allowed', message, hint])
  }
}

function report(
  into: Checking,
  { source, start, end }: Spot,
  [code, message, hint]: readonly [string, string, (string | undefined)?],
): void {
  into.sink.add({ code, message, hint, spot: { source, start, end } })
}
