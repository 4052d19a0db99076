import { Composer, type Document, Lexer, type ParsedNode, Parser, type YAMLError } from 'yaml'
import type { CompileLimits } from '../limits.ts'
import type { Finding } from '../sink.ts'
import type { Source } from './source.ts'
import type { Token } from './token.ts'
import { toTokens } from './tokens-from-nodes.ts'

/** What reading one file gave. A file that broke a rule of YAML may still have a tree. */
export interface ParsedFile {
  readonly source: Source
  /** Undefined when the text is empty or could not be read at all. */
  readonly root: Token | undefined
  readonly findings: readonly Finding[]
}

/** How to read a file; anchors are refused, as the service does, unless `allowAnchors` is true. */
export interface ReadOptions {
  readonly limits: CompileLimits
  readonly allowAnchors: boolean
}

const COMPOSER_OPTIONS = {
  schema: 'failsafe',
  uniqueKeys: false,
  merge: false,
  prettyErrors: false,
  logLevel: 'silent',
} as const

/** Lexemes of a usual file per node of its tree, with room to spare. */
const LEXEMES_PER_NODE = 10

/** Reads YAML text into tokens; every scalar stays text. Ends within the limits whatever comes in. */
export function parseYaml(source: Source, options: ReadOptions): ParsedFile {
  const findings: Finding[] = []
  const refuse = (code: string, message: string, at: number): ParsedFile => {
    findings.push({ code, message, spot: { source, start: at, end: at } })
    return { source, root: undefined, findings }
  }
  const { limits } = options
  if (source.text.length > limits.fileCharacters) {
    const message = `The file has ${source.text.length} characters; the limit is ${limits.fileCharacters}.`
    return refuse('file-too-large', message, 0)
  }
  const bad = findBadCharacter(source.text)
  if (bad) return refuse('invalid-characters', bad.message, bad.at)
  const read = compose(source.text, limits)
  if (read.stoppedAt !== undefined) {
    return refuse(read.stoppedBy, read.message, read.stoppedAt)
  }
  const [document, second] = read.documents
  for (const error of document?.errors ?? []) findings.push(toFinding(source, error))
  if (second) {
    const at = second.range?.[0] ?? 0
    return refuse('several-documents', 'A pipeline file must hold one YAML document.', at)
  }
  const node = document?.contents as ParsedNode | null | undefined
  const root = node ? toTokens(source, node, options, findings) : undefined
  return { source, root, findings }
}

interface Composed {
  readonly documents: readonly Document.Parsed[]
  readonly stoppedAt?: number
  readonly stoppedBy: string
  readonly message: string
}

function compose(text: string, limits: CompileLimits): Composed {
  const parser = new Parser()
  const composer = new Composer(COMPOSER_OPTIONS)
  const documents: Document.Parsed[] = []
  const most = limits.nodes * LEXEMES_PER_NODE
  let lexemes = 0
  for (const lexeme of new Lexer().lex(text)) {
    lexemes += 1
    for (const token of parser.next(lexeme)) {
      for (const document of composer.next(token)) documents.push(document as Document.Parsed)
    }
    // The composer recurses over what the parser holds open, so depth is bounded here.
    if (parser.stack.length > limits.depth + 2) {
      const message = `Mappings and sequences are nested deeper than ${limits.depth}.`
      return { documents, stoppedAt: parser.offset, stoppedBy: 'nested-too-deep', message }
    }
    if (lexemes > most) {
      const message = `The file has more than ${limits.nodes} nodes.`
      return { documents, stoppedAt: parser.offset, stoppedBy: 'too-many-nodes', message }
    }
  }
  for (const token of parser.end()) {
    for (const document of composer.next(token)) documents.push(document as Document.Parsed)
  }
  for (const document of composer.end(true, text.length)) {
    documents.push(document as Document.Parsed)
  }
  return { documents, stoppedBy: '', message: '' }
}

function toFinding(source: Source, error: YAMLError): Finding {
  // The library points one character behind the text when something is not closed at its end.
  const [start, end] = error.pos.map((at) => Math.min(at, source.text.length)) as [number, number]
  const spot = { source, start, end: Math.max(start, end) }
  if (error.code === 'TAB_AS_INDENT' || source.text[start] === '\t') {
    const hint = 'Indent with spaces; YAML does not allow tabs there.'
    return { code: 'tab-indentation', message: error.message, spot, hint }
  }
  return { code: 'yaml-syntax', message: error.message, spot }
}

/** Control characters, halves of a surrogate pair, and what a decoder puts in for broken UTF-8. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
const BAD = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd]|\p{Surrogate}/u

function findBadCharacter(text: string): { at: number; message: string } | undefined {
  const at = text.search(BAD)
  if (at < 0) return undefined
  const code = text.charCodeAt(at).toString(16).padStart(4, '0')
  if (text[at] === '\ufffd') return { at, message: 'The file is not valid UTF-8 text.' }
  return {
    at,
    message: `The file holds the character U+${code.toUpperCase()}, which YAML forbids.`,
  }
}
