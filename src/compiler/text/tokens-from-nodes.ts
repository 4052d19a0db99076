import { isAlias, isMap, isPair, isScalar, isSeq, type ParsedNode } from 'yaml'
import type { CompileLimits } from '../limits.ts'
import type { Finding } from '../sink.ts'
import type { Source, Spot } from './source.ts'
import type { Entry, MappingToken, ScalarStyle, ScalarToken, Token } from './token.ts'

interface Conversion {
  readonly source: Source
  readonly allowAnchors: boolean
  readonly findings: Finding[]
  readonly anchors: Map<string, Token>
  /** Tokens with what is below them, counted as often as aliases repeat them. */
  readonly sizes: Map<Token, number>
  nodesLeft: number
}

/** Turns the YAML library's nodes into tokens; what pipelines do not allow becomes a finding. */
export function toTokens(
  source: Source,
  node: ParsedNode,
  options: { readonly allowAnchors: boolean; readonly limits: CompileLimits },
  findings: Finding[],
): Token {
  const { allowAnchors, limits } = options
  const shared = { anchors: new Map(), sizes: new Map() }
  return convert(node, { source, allowAnchors, findings, ...shared, nodesLeft: limits.nodes })
}

function convert(node: ParsedNode, into: Conversion): Token {
  const token = convertBare(node, into)
  if (isAlias(node)) return token
  if (node.tag !== undefined && node.tag !== '!') {
    if (!STANDARD_TAGS.has(node.tag)) {
      report(into, token, 'yaml-tag', `The tag '${node.tag}' is not supported.`)
    }
  }
  if (node.anchor !== undefined) declareAnchor(node.anchor, token, into)
  return token
}

const STANDARD_TAGS = new Set([
  'tag:yaml.org,2002:str',
  'tag:yaml.org,2002:map',
  'tag:yaml.org,2002:seq',
])

function convertBare(node: ParsedNode, into: Conversion): Token {
  const spot = spotOf(node, into.source)
  if (isMap(node)) return convertMapping(node.items, spot, into)
  if (isSeq(node)) {
    const items = node.items.map((item) =>
      isPair(item)
        ? convertMapping([item], spot, into)
        : convert(item as unknown as ParsedNode, into),
    )
    return { kind: 'sequence', ...spot, items }
  }
  if (isAlias(node)) return convertAlias(node.source, spot, into)
  return convertScalar(node, spot)
}

function convertScalar(node: ParsedNode, spot: Spot): ScalarToken {
  const text = isScalar(node) && node.value !== null ? String(node.value) : ''
  const style = isScalar(node) ? (STYLES[node.type ?? 'PLAIN'] ?? 'plain') : 'plain'
  return { kind: 'scalar', source: spot.source, start: spot.start, end: spot.end, text, style }
}

const STYLES: Readonly<Record<string, ScalarStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'quoted',
  QUOTE_DOUBLE: 'quoted',
  BLOCK_LITERAL: 'block',
  BLOCK_FOLDED: 'block',
}

function convertMapping(pairs: readonly unknown[], spot: Spot, into: Conversion): MappingToken {
  const entries: Entry[] = []
  const seen = new Set<string>()
  for (const pair of pairs as readonly { key: ParsedNode | null; value: ParsedNode | null }[]) {
    const key = convertKey(pair.key, spot, into)
    if (!key) continue
    const value = pair.value
      ? convert(pair.value, into)
      : convertScalar({} as ParsedNode, { source: spot.source, start: key.end, end: key.end })
    if (key.text === '<<' && key.style === 'plain') {
      mergeKey(key, value, { entries, seen }, into)
      continue
    }
    // Directive keys repeat: a mapping may hold several `${{ else }}`.
    if (!key.text.startsWith('${{')) {
      if (seen.has(key.text)) {
        report(into, key, 'duplicate-key', `'${key.text}' is already defined`)
        continue
      }
      seen.add(key.text)
    }
    entries.push({ key, value })
  }
  return { kind: 'mapping', ...spot, entries }
}

function convertKey(
  node: ParsedNode | null,
  spot: Spot,
  into: Conversion,
): ScalarToken | undefined {
  const key = node ? convert(node, into) : undefined
  if (key?.kind === 'scalar') return key
  report(into, key ?? spot, 'key-not-scalar', 'A key must be a single text.')
  return undefined
}

function mergeKey(
  key: ScalarToken,
  value: Token,
  target: { readonly entries: Entry[]; readonly seen: Set<string> },
  into: Conversion,
): void {
  if (!into.allowAnchors) {
    report(into, key, 'merge-key', "Merge keys are not supported. Remove the key '<<'")
    return
  }
  for (const part of value.kind === 'sequence' ? value.items : [value]) {
    if (part.kind !== 'mapping') {
      report(into, part, 'merge-key', 'A merge key needs a mapping.')
      continue
    }
    for (const entry of part.entries) {
      if (target.seen.has(entry.key.text)) continue
      target.seen.add(entry.key.text)
      target.entries.push(entry)
    }
  }
}

function declareAnchor(name: string, token: Token, into: Conversion): void {
  into.anchors.set(name, token)
  if (into.allowAnchors) {
    into.sizes.set(token, sizeOf(token, into))
    return
  }
  const at = into.source.text.lastIndexOf(`&${name}`, token.start)
  const start = at < 0 ? token.start : at
  const spot = { source: into.source, start, end: start + name.length + 1 }
  const message = `Anchors are not currently supported. Remove the anchor '${name}'`
  const hint = 'Use a template or a variable instead.'
  into.findings.push({ code: 'yaml-anchor', message, spot, hint })
}

function convertAlias(name: string, spot: Spot, into: Conversion): Token {
  const target = into.anchors.get(name)
  if (!into.allowAnchors) {
    report(into, spot, 'yaml-alias', `Aliases are not supported. Remove the alias '${name}'`)
  } else if (target) {
    into.source.hasAliases = true
    into.nodesLeft -= sizeOf(target, into)
    if (into.nodesLeft >= 0) return target
    report(into, spot, 'too-many-nodes', 'Aliases repeat more nodes than a file may have.')
  } else {
    report(into, spot, 'yaml-alias', `The alias '${name}' has no anchor before it.`)
  }
  return { kind: 'scalar', ...spot, text: '', style: 'plain' }
}

function sizeOf(token: Token, into: Conversion): number {
  const known = into.sizes.get(token)
  if (known !== undefined || token.kind === 'scalar') return known ?? 1
  const parts = token.kind === 'sequence' ? token.items : token.entries.map(({ value }) => value)
  return parts.reduce((sum, part) => sum + sizeOf(part, into), 1)
}

function spotOf(node: ParsedNode, source: Source): Spot {
  const [start, end] = node.range ?? [0, 0]
  return { source, start, end }
}

function report(into: Conversion, at: Spot, code: string, message: string): void {
  const spot = { source: into.source, start: at.start, end: at.end }
  into.findings.push({ code, message, spot })
}
