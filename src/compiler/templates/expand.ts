import { ArrayValue, ObjectValue, toBoolean, type Value } from '../expressions/index.ts'
import type { Spot } from '../text/source.ts'
import {
  type Entry,
  isEmpty,
  type MappingToken,
  type ScalarToken,
  type SequenceToken,
  scalarAt,
  type Token,
} from '../text/token.ts'
import { evaluatePart, evaluateScalar, reportAt } from './evaluate.ts'
import type { Expansion } from './expansion.ts'
import { type Frame, withLoop } from './frame.ts'
import { type Directive, hasExpression, readDirective } from './program.ts'
import type { ShapeView } from './shapes.ts'
import { isStatic } from './static.ts'
import { VariableScope } from './variable-scope.ts'

/** A token with its place in the language. */
export interface Site {
  readonly frame: Frame
  readonly shape: ShapeView
  readonly expansion: Expansion
}

/** Expands a value. An error leaves the empty text; the sink then has its diagnostic. */
function expand(token: Token, site: Site): Token {
  if (site.shape.isRaw || isStatic(token)) {
    // Shared as it is, but whoever reads the result walks over it again.
    site.expansion.budget.chargeEvents((token.end - token.start) >> 3, token)
    if (site.shape.isVariables) noteVariables(token, site)
    return token
  }
  switch (token.kind) {
    case 'scalar':
      return expandScalar(token, site)
    case 'sequence':
      return expandSequence(token, site)
    case 'mapping':
      return expandMapping(token, site)
  }
}

function expandScalar(token: ScalarToken, site: Site): Token {
  if (token.style === 'expression' || !hasExpression(token.text)) return token
  const made = evaluateScalar(token, site.frame, site.expansion)
  if (!made) return { ...scalarAt(token, ''), broken: true }
  // What an expression gave may itself name templates or set variables.
  if (made.kind === 'scalar' || site.shape.isAny) return made
  return made.kind === 'sequence' ? expandSequence(made, site) : expandMapping(made, site)
}

/** Expands a sequence: directives and lists are spliced, templates replaced by their items. */
export function expandSequence(token: SequenceToken, site: Site): SequenceToken {
  const items: Token[] = []
  expandItems(token.items, site, items)
  return { kind: 'sequence', source: token.source, start: token.start, end: token.end, items }
}

function expandItems(items: readonly Token[], site: Site, into: Token[]): void {
  let chain: Chain = 'none'
  for (const item of items) {
    site.expansion.budget.chargeEvents(1, item)
    const directive = itemDirective(item, site)
    if (directive) {
      const { key, value } = directive.entry
      chain = follow(directive.directive, key, chain, site, (frame) =>
        expandBody(value, { ...site, frame }, into),
      )
    } else {
      chain = 'none'
      expandItem(item, site, into)
    }
  }
}

/** The body of a directive in a sequence: a list is spliced, anything else is one item. */
function expandBody(body: Token, site: Site, into: Token[]): void {
  if (isEmpty(body)) return
  if (body.kind === 'sequence') expandItems(body.items, site, into)
  else expandItem(body, site, into)
}

function expandItem(item: Token, site: Site, into: Token[]): void {
  if (item.kind === 'scalar' && hasExpression(item.text) && item.style !== 'expression') {
    const made = evaluateScalar(item, site.frame, site.expansion)
    if (!made) return
    // A list that an expression gives is spliced, one level (facts §4.3).
    for (const one of made.kind === 'sequence' ? made.items : [made]) pushItem(one, site, into)
    return
  }
  const itemSite = { ...site, shape: site.shape.item }
  pushItem(expand(item, itemSite), site, into)
}

/** Adds one finished item, or the items of the template that it names. */
function pushItem(item: Token, site: Site, into: Token[]): void {
  const { templates } = site.shape
  if (item.kind === 'mapping' && templates && item.entries[0]?.key.text === 'template') {
    for (const one of site.expansion.include(item, templates, site.frame)) into.push(one)
    return
  }
  if (site.shape.isVariables) noteVariable(item, site)
  into.push(item)
}

/** Expands a mapping: directives are merged, keys computed, `variables` seen by what follows. */
function expandMapping(token: MappingToken, site: Site): MappingToken {
  if (!site.shape.isVariableScope) return expandEntries(token, site)
  const variables = new VariableScope(site.frame.variables)
  return expandEntries(token, { ...site, frame: { ...site.frame, variables } })
}

/** Expands a mapping without a scope of its own for variables: the root of a file. */
export function expandEntries(token: MappingToken, site: Site): MappingToken {
  const early = expandEarly(token, site)
  const merge: Merge = { entries: [], seen: new Set(), early, isBroken: token.broken ?? false }
  mergeEntries(token, site, merge)
  const { source, start, end } = token
  const made = { kind: 'mapping', source, start, end, entries: merge.entries } as const
  return merge.isBroken ? { ...made, broken: true } : made
}

interface Merge {
  readonly entries: Entry[]
  readonly seen: Set<string>
  /** Entries that were expanded before the others, by their own token. */
  readonly early: ReadonlyMap<Entry, Token>
  /** A key or body could not be evaluated, so entries are missing. */
  isBroken: boolean
}

const EARLY_KEYS = ['resources', 'variables'] as const

/** `resources` and `variables` count for the whole mapping, wherever they stand in it. */
function expandEarly(token: MappingToken, site: Site): ReadonlyMap<Entry, Token> {
  const early = new Map<Entry, Token>()
  if (!site.shape.isVariableScope) return early
  for (const name of EARLY_KEYS) {
    const entry = token.entries.find(({ key }) => key.text === name)
    if (!entry) continue
    const value = expand(entry.value, { ...site, shape: site.shape.child(name) })
    if (name === 'resources') site.expansion.declareResources(value)
    early.set(entry, value)
  }
  return early
}

function mergeEntries(token: MappingToken, site: Site, merge: Merge): void {
  let chain: Chain = 'none'
  for (const entry of token.entries) {
    site.expansion.budget.chargeEvents(1, entry.key)
    const { key, value } = entry
    const directive = directiveOf(key, site)
    if (directive?.kind === 'insert') {
      mergeBody(value, site, merge)
      chain = 'none'
    } else if (directive) {
      chain = follow(directive, key, chain, site, (frame) =>
        mergeBody(value, { ...site, frame }, merge),
      )
    } else {
      chain = 'none'
      mergeEntry(entry, site, merge)
    }
  }
}

/** The body of a directive in a mapping: its entries join the mapping around it. */
function mergeBody(body: Token, site: Site, merge: Merge): void {
  if (isEmpty(body)) return
  const made =
    body.kind === 'scalar' && hasExpression(body.text)
      ? evaluateScalar(body, site.frame, site.expansion)
      : body
  if (!made) merge.isBroken = true
  if (!made || isEmpty(made) || (made.kind === 'scalar' && made.value === null)) return
  if (made.kind === 'mapping') {
    mergeEntries(made, site, merge)
    return
  }
  const message =
    made.kind === 'sequence' ? 'A sequence was not expected' : `Unexpected value '${made.text}'`
  const hint = 'In a mapping, what a directive holds must be a mapping too.'
  site.expansion.sink.add({ code: 'expected-mapping', message, hint, spot: body })
}

function mergeEntry(entry: Entry, site: Site, merge: Merge): void {
  const key = expandKey(entry.key, site)
  if (!key) {
    merge.isBroken = true
    return
  }
  const shape = site.shape.child(key.text)
  const value = merge.early.get(entry) ?? expand(entry.value, { ...site, shape })
  if (merge.seen.has(key.text)) {
    const message = `'${key.text}' is already defined`
    site.expansion.sink.add({ code: 'duplicate-key', message, spot: key })
    return
  }
  merge.seen.add(key.text)
  merge.entries.push(key === entry.key && value === entry.value ? entry : { key, value })
  if (site.shape.isVariables && value.kind === 'scalar') {
    site.frame.variables.set(key.text, value.text)
  }
}

function expandKey(key: ScalarToken, site: Site): ScalarToken | undefined {
  if (key.style === 'expression' || !hasExpression(key.text)) return key
  const made = evaluateScalar(key, site.frame, site.expansion)
  if (!made || made.kind === 'scalar') return made
  const message = `A ${made.kind} was not expected`
  site.expansion.sink.add({ code: `unexpected-${made.kind}`, message, spot: key })
  return undefined
}

/** Where a chain of if, elseif, else stands: not in one, still looking, or already decided. */
type Chain = 'none' | 'open' | 'closed'

/** Obeys a directive: calls `body` for each round it asks for. Gives the state of the chain. */
function follow(
  directive: Directive,
  key: ScalarToken,
  chain: Chain,
  site: Site,
  body: (frame: Frame) => void,
): Chain {
  const { frame, expansion } = site
  switch (directive.kind) {
    case 'broken':
      reportAt(key, directive.error, expansion)
      return 'none'
    case 'insert':
      return 'none'
    case 'each': {
      const value = evaluatePart(directive.part, key, site)
      if (value !== undefined) eachRound(value, directive.name, key, { site, body })
      return 'none'
    }
    case 'else':
    case 'elseif':
      if (chain === 'none') {
        const message = `Unexpected '${directive.kind}'`
        const hint = `'${directive.kind}' must come directly behind 'if' or 'elseif', at the same level.`
        expansion.sink.add({ code: 'directive-order', message, hint, spot: key })
        return 'none'
      }
      if (directive.kind === 'else') {
        if (chain === 'open') body(frame)
        return 'none'
      }
      if (chain === 'closed') return 'closed'
      break
    case 'if':
      break
  }
  const value = evaluatePart(directive.part, key, site)
  if (value === undefined) return 'closed'
  if (!toBoolean(value)) return 'open'
  body(frame)
  return 'closed'
}

function eachRound(
  value: Value,
  name: string,
  key: Spot,
  { site, body }: { readonly site: Site; readonly body: (frame: Frame) => void },
): void {
  const round = (item: Value) => {
    site.expansion.budget.chargeEvents(1, key)
    body(withLoop(site.frame, name, item))
  }
  if (value instanceof ArrayValue) {
    for (const item of value.items()) round(item)
  } else if (value instanceof ObjectValue) {
    for (const [name, member] of value.entries()) {
      round(new ObjectValue({ key: name, value: member }))
    }
  } else if (value !== null && value !== '') {
    const message = 'Expected a sequence or mapping to go through.'
    site.expansion.sink.add({ code: 'each-not-a-list', message, spot: key })
  }
}

/** The directive of a sequence's item: its only key. */
function itemDirective(
  item: Token,
  site: Site,
): { readonly directive: Directive; readonly entry: Entry } | undefined {
  if (item.kind !== 'mapping' || item.entries.length !== 1) return undefined
  const [entry] = item.entries
  const directive = entry && directiveOf(entry.key, site)
  return entry && directive && directive.kind !== 'insert' ? { directive, entry } : undefined
}

function directiveOf(key: ScalarToken, { frame, expansion }: Site): Directive | undefined {
  if (key.style === 'expression' || !hasExpression(key.text)) return undefined
  const { directives } = expansion.memory
  const known = directives.get(key)
  if (known) return known === 'none' ? undefined : known
  const directive = readDirective(key.text, frame.loopNames)
  directives.set(key, directive ?? 'none')
  return directive
}

/** Makes the variables of a finished list or mapping visible to expressions. */
function noteVariables(token: Token, site: Site): void {
  if (token.kind === 'sequence') for (const item of token.items) noteVariable(item, site)
  if (token.kind !== 'mapping') return
  for (const { key, value } of token.entries) {
    if (value.kind === 'scalar') site.frame.variables.set(key.text, value.text)
  }
}

function noteVariable(item: Token, site: Site): void {
  if (item.kind !== 'mapping') return
  const texts = new Map(
    item.entries.map(({ key, value }) => [key.text, value.kind === 'scalar' ? value.text : '']),
  )
  const group = texts.get('group')
  if (group !== undefined) site.frame.variables.addGroup(group)
  const name = texts.get('name')
  if (name !== undefined) site.frame.variables.set(name, texts.get('value') ?? '')
}
