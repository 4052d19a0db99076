import { propertyWrong } from '../faults.ts'
import { oid, sequence, TAG, tlv } from './der.ts'

/** Attribute types by their short names (RFC 4519), and the names Windows writes. */
const TYPES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  S: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  T: '2.5.4.12',
  G: '2.5.4.42',
  SN: '2.5.4.4',
  DC: '0.9.2342.19200300.100.1.25',
  E: '1.2.840.113549.1.9.1',
  EMAILADDRESS: '1.2.840.113549.1.9.1',
}

/** `C` and `SERIALNUMBER` are printable, `DC` and `E` are IA5, the rest UTF-8 (RFC 5280, A.1). */
function valueTag(type: string): number {
  if (type === TYPES['C'] || type === TYPES['SERIALNUMBER']) return TAG.printable
  return type === TYPES['DC'] || type === TYPES['E'] ? TAG.ia5 : TAG.utf8
}

/** DER of `CN=web, O="Contoso, Inc."`; of no text, the empty name. @throws Fault `PropertyWrong` */
export function subjectToDer(subject: string): Buffer {
  if (subject === '') return sequence()
  const sets = splitOutside(subject, ',').map((rdn) =>
    tlv(TAG.set, ...splitOutside(rdn, '+').map(attributeToDer)),
  )
  return sequence(...sets)
}

function attributeToDer(text: string): Buffer {
  const equals = text.indexOf('=')
  const name = text
    .slice(0, Math.max(0, equals))
    .trim()
    .toUpperCase()
    .replace(/^OID\./, '')
  const type = TYPES[name] ?? (/^[0-2](\.\d+)+$/.test(name) ? name : undefined)
  const value = unquote(text.slice(equals + 1).trim())
  if (equals < 0 || type === undefined || value === '') throw propertyWrong('subject')
  return sequence(oid(type), tlv(valueTag(type), Buffer.from(value)))
}

/** Splits at a character that is neither quoted nor behind a backslash. */
function splitOutside(text: string, separator: string): string[] {
  const parts = ['']
  let quoted = false
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at)
    const next = character === '\\' ? character + text.charAt(++at) : character
    if (character === '"') quoted = !quoted
    if (character === separator && !quoted) parts.push('')
    else parts[parts.length - 1] += next
  }
  return parts
}

function unquote(text: string): string {
  const bare = /^"(.*)"$/s.exec(text)?.[1] ?? text
  return bare.replace(/\\(.)/gs, '$1')
}
