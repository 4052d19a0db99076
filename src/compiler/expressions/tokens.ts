import type { Value } from './kinds.ts'
import { parseVersion } from './version.ts'

/** A piece of expression text; `start` and `end` are offsets in UTF-16 units. */
export interface Token {
  readonly kind: '(' | ')' | '[' | ']' | ',' | '.' | '*' | 'name' | 'literal' | 'unknown' | 'open'
  readonly start: number
  readonly end: number
  /** What a literal stands for; Null for other tokens. */
  readonly value: Value
}

const SPACE = /\s/
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)$/
const NAME_END = /[\s()[\],.]/g
const NUMBER_END = /[\s()[\],]/g
const NUMBER_START = /[\d+.-]/

/**
 * Cuts expression text into tokens. Nothing fails here: what is no token is `unknown`, and text
 * whose closing quote is missing is `open`.
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  while (at < text.length) {
    if (SPACE.test(text.charAt(at))) {
      at++
      continue
    }
    const token = readToken(text, at, tokens.at(-1))
    tokens.push(token)
    at = token.end
  }
  return tokens
}

function readToken(text: string, start: number, before: Token | undefined): Token {
  const char = text.charAt(start)
  switch (char) {
    case '(':
    case ')':
    case '[':
    case ']':
    case ',':
    case '*':
      return { kind: char, start, end: start + 1, value: null }
    case "'":
      return readText(text, start)
    default:
  }
  // A dot begins a number only where a value may begin.
  if (char === '.' && before && !'([,.'.includes(before.kind)) {
    return { kind: '.', start, end: start + 1, value: null }
  }
  return NUMBER_START.test(char) ? readNumber(text, start) : readName(text, start, before)
}

function readText(text: string, start: number): Token {
  let at = start + 1
  for (;;) {
    const quote = text.indexOf("'", at)
    if (quote < 0) return { kind: 'open', start, end: text.length, value: null }
    if (text[quote + 1] !== "'") {
      const value = text.slice(start + 1, quote).replaceAll("''", "'")
      return { kind: 'literal', start, end: quote + 1, value }
    }
    at = quote + 2
  }
}

function readNumber(text: string, start: number): Token {
  const end = endOf(text, start, NUMBER_END)
  const raw = text.slice(start, end)
  const value = NUMBER.test(raw) ? Number(raw) : raw.startsWith('.') ? undefined : parseVersion(raw)
  if (value === undefined || (typeof value === 'number' && !Number.isFinite(value))) {
    return { kind: 'unknown', start, end, value: null }
  }
  return { kind: 'literal', start, end, value: value === 0 ? 0 : value }
}

function readName(text: string, start: number, before: Token | undefined): Token {
  const end = endOf(text, start, NAME_END)
  const raw = text.slice(start, end)
  if (!NAME.test(raw)) return { kind: 'unknown', start, end, value: null }
  // A member may be called `true`: behind a dot every name is a name.
  if (before?.kind !== '.' && /^(?:true|false)$/i.test(raw)) {
    return { kind: 'literal', start, end, value: raw.length === 4 }
  }
  return { kind: 'name', start, end, value: null }
}

/** `boundary` is a global pattern; a token has at least one character. */
function endOf(text: string, start: number, boundary: RegExp): number {
  boundary.lastIndex = start + 1
  return boundary.exec(text)?.index ?? text.length
}
