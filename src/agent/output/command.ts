/** A logging command as a step prints it: `##vso[area.event key=value;]data`. */
export interface Command {
  /** Lower case. */
  readonly area: string
  /** Lower case. */
  readonly event: string
  /** Keys in lower case; values un-escaped and never empty. */
  readonly properties: ReadonlyMap<string, string>
  readonly data: string
}

/** What a line of output is. */
export type ParsedLine =
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'malformed' }
  | { readonly kind: 'text' }

/** Any line that holds it is a command or deserves a warning. */
export const COMMAND_KEYWORD = '##vso'
const PREFIX = '##vso['

/** How the job wants percent signs read. */
export interface ParseOptions {
  /** False when the job sets DECODE_PERCENTS=false: `%AZP25` is then kept as it is. */
  readonly decodePercents?: boolean
}

/**
 * What one line of output is. `malformed` holds the keyword of commands but is none; the agent
 * prints it as text and warns.
 */
export function parseCommand(line: string, options: ParseOptions = {}): ParsedLine {
  const start = line.indexOf(PREFIX)
  if (start === -1) return { kind: line.includes(COMMAND_KEYWORD) ? 'malformed' : 'text' }
  const end = line.indexOf(']', start)
  if (end === -1) return { kind: 'malformed' }

  const inside = line.slice(start + PREFIX.length, end)
  const space = inside.indexOf(' ')
  const name = space === -1 ? inside : inside.slice(0, space)
  const [area = '', event = '', ...more] = name.split('.').filter((part) => part !== '')
  if (area.trim() === '' || event.trim() === '' || more.length > 0) return { kind: 'malformed' }

  const decode = options.decodePercents ?? true
  const command: Command = {
    area: area.toLowerCase(),
    event: event.toLowerCase(),
    properties: space === -1 ? new Map() : parseProperties(inside.slice(space + 1), decode),
    data: unescapeText(line.slice(end + 1), decode),
  }
  return { kind: 'command', command }
}

function parseProperties(text: string, decodePercents: boolean): Map<string, string> {
  const properties = new Map<string, string>()
  for (const part of text.split(';')) {
    const equals = part.indexOf('=')
    const key = part.slice(0, Math.max(equals, 0)).trim().toLowerCase()
    const value = part.slice(equals + 1)
    if (key !== '' && value !== '') properties.set(key, unescapeText(value, decodePercents))
  }
  return properties
}

const UNESCAPED: Readonly<Record<string, string>> = {
  '%3B': ';',
  '%0D': '\r',
  '%0A': '\n',
  '%5D': ']',
  '%AZP25': '%',
}

/** One pass, so that `%AZP253B` ends as `%3B` and not as a semicolon. */
function unescapeText(text: string, decodePercents: boolean): string {
  if (!text.includes('%')) return text
  const escapes = decodePercents ? /%3B|%0D|%0A|%5D|%AZP25/g : /%3B|%0D|%0A|%5D/g
  return text.replace(escapes, (found) => UNESCAPED[found] ?? found)
}

/** The line that `parseCommand` reads back as `command`; properties without a value are left out. */
export function formatCommand(command: Command): string {
  const properties = [...command.properties]
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${key}=${escapeProperty(value)};`)
  const head = [`${command.area}.${command.event}`, properties.join('')].filter(Boolean).join(' ')
  return `${PREFIX}${head}]${escapeData(command.data)}`
}

/** A command's data on the wire: percent sign and line breaks escaped. */
export function escapeData(text: string): string {
  return text.replaceAll('%', '%AZP25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** A command's property value on the wire: as data, and the characters that end a property. */
export function escapeProperty(text: string): string {
  return escapeData(text).replaceAll(']', '%5D').replaceAll(';', '%3B')
}
