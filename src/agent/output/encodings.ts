import { escapeData, escapeProperty } from './command.ts'

/**
 * How a value came to be secret. `job`: a secret variable of the job request; `variable`: set by
 * `task.setvariable` with `issecret`; `secret`: `task.setsecret`; `raw`: anything else, such as a
 * parameter of a service connection.
 */
export type SecretOrigin = 'job' | 'variable' | 'secret' | 'raw'

/** Another spelling of a value; the value itself when it has none of its own. */
export type Encoder = (value: string) => string

/** The three encodings in which every registered value is looked for too. */
export const standardEncoders: readonly Encoder[] = [escapeJson, escapeUri, unescapeBackslashes]

/** A line of one or two characters, such as a lone brace, would hide innocent text everywhere. */
const SHORTEST_LINE = 3

/** Below this a line of a value that merely *could* be un-escaped is more likely an ordinary word. */
const SHORTEST_UNESCAPED_LINE = 8

/**
 * Every text to look for when `value` is secret, without the encodings: the value, the forms its
 * origin gives it, and each line of a value of several lines. White space alone is never secret.
 */
export function secretTexts(value: string, origin: SecretOrigin): Set<string> {
  const texts = new Set<string>()
  if (value.trim() === '') return texts
  texts.add(value)
  if (origin === 'job') for (const text of jobForms(value)) addTrimmed(texts, text)
  if (origin === 'variable') texts.add(escapeProperty(value))
  for (const line of longLines(value, SHORTEST_LINE)) {
    texts.add(line)
    texts.add(line.trim())
  }
  // A key kept on one line with `\n` in it is mostly printed by a tool that resolves them.
  for (const line of longLines(unescapeBackslashes(value), SHORTEST_UNESCAPED_LINE)) {
    texts.add(line.trim())
  }
  return texts
}

function jobForms(value: string): string[] {
  const base64 = Buffer.from(value, 'utf8').toString('base64')
  return [value, escapeData(value), escapeLineBreaks(value), base64]
}

function addTrimmed(texts: Set<string>, text: string): void {
  const quote = text[0] ?? ''
  const isQuoted = (quote === '"' || quote === "'") && text.endsWith(quote)
  const unquoted = isQuoted ? text.replace(quote === '"' ? /^"+|"+$/g : /^'+|'+$/g, '') : text
  for (const form of [text, unquoted, text.replace(/^[\r\n ]+|[\r\n ]+$/g, '')]) {
    if (form.trim() !== '') texts.add(form)
  }
}

function longLines(value: string, shortest: number): string[] {
  if (!/[\r\n]/.test(value)) return []
  return value.split(/[\r\n]+/).filter((line) => line.trim().length >= shortest)
}

function escapeLineBreaks(value: string): string {
  return value.replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** The inside of a JSON string: quotes, backslashes and control characters escaped, `/` kept. */
function escapeJson(value: string): string {
  return JSON.stringify(value)
    .slice(1, -1)
    .replace(/[\u0085\u2028\u2029]/g, unicodeEscape)
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** RFC 3986: everything but unreserved characters is percent-encoded, upper-case digits. */
export function escapeUri(value: string): string {
  return encodeURIComponent(value.toWellFormed()).replace(
    /[!*'()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '0': '\0',
}

/** What a program prints that resolves backslash escapes: `\\` to `\`, `\n` to a line break. */
function unescapeBackslashes(value: string): string {
  if (!value.includes('\\')) return value
  return value.replace(/\\([\\'"abfnrtv0])/g, (_, escaped: string) => ESCAPES[escaped] ?? escaped)
}
