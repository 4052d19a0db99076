import { type Encoder, escapeUri } from './encodings.ts'

/** A transformed text shorter than this is more likely to be something else than the secret. */
export const SHORTEST_STRONG = 6

/**
 * Transformations that the agent does not know and that tools, shells and people apply all the
 * same. Each gives one more text to look for.
 */
export const strongEncoders: readonly Encoder[] = [
  ...[0, 1, 2].flatMap((offset): Encoder[] => [
    (value) => base64Within(value, offset),
    (value) => base64AtEnd(value, offset),
    (value) => toBase64Url(base64Within(value, offset)),
    (value) => toBase64Url(base64AtEnd(value, offset)),
  ]),
  (value) => Buffer.from(value, 'utf8').toString('hex'),
  (value) => Buffer.from(value, 'utf8').toString('hex').toUpperCase(),
  (value) => smallDigits(escapeUri(value)),
  (value) => smallDigits(encodeURIComponent(value.toWellFormed())),
  (value) => escapeUri(value).replaceAll('%20', '+'),
  (value) => encodeURIComponent(value.toWellFormed()),
  (value) => escapeUri(escapeUri(value)),
  (value) => escapeXml(value, '&#39;'),
  (value) => escapeXml(value, '&apos;'),
  (value) => value.replaceAll("'", "'\\''"),
  (value) => value.replaceAll("'", "''"),
  (value) => value.replaceAll('"', '""'),
  (value) => value.replace(/["$`\\!]/g, '\\$&'),
  (value) => value.replace(/[^\w@%+=:,./-]/g, '\\$&'),
  (value) => value.replace(/[`$"]/g, '`$&'),
  (value) => value.replaceAll('/', '\\/'),
  (value) => [...value].reverse().join(''),
]

/** The texts in a JSON value, each of which is secret on its own; none for other values. */
export function jsonTexts(value: string): string[] {
  if (!/^\s*[[{]/.test(value)) return []
  const texts: string[] = []
  try {
    // The reviver sees every member, however deep, without recursion of ours.
    JSON.parse(value, (_, member: unknown) => {
      if (typeof member === 'string') texts.push(member)
      return member
    })
  } catch {
    return []
  }
  return texts.filter((text) => text.trim().length >= SHORTEST_STRONG)
}

/** What base64 of a longer text is sure to hold of `value` when it begins at `offset` modulo 3. */
function base64Within(value: string, offset: number): string {
  return base64At(value, offset, Math.floor)
}

/** As `base64Within`, when the longer text ends with `value`; without padding. */
function base64AtEnd(value: string, offset: number): string {
  return base64At(value, offset, Math.ceil)
}

function base64At(value: string, offset: number, round: (digits: number) => number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(value, 'utf8')])
  const digits = bytes.toString('base64')
  return digits.slice(Math.ceil((offset * 8) / 6), round((bytes.length * 8) / 6))
}

function smallDigits(encoded: string): string {
  return encoded.replace(/%../g, (triplet) => triplet.toLowerCase())
}

function toBase64Url(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_')
}

const XML: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}

function escapeXml(value: string, apostrophe: string): string {
  return value.replace(/[&<>"']/g, (found) => XML[found] ?? apostrophe)
}
