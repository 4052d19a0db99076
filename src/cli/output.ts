import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'
import type { TableView } from './command.ts'

export const FORMATS = ['json', 'jsonc', 'table', 'tsv', 'yaml', 'yamlc', 'none'] as const
export type Format = (typeof FORMATS)[number]

/** @throws Fault `UsageWrong` for a word that is no format */
export function toFormat(word: string): Format {
  const format = FORMATS.find((known) => known === word)
  if (format) return format
  throw new Fault(
    'UsageWrong',
    `'${word}' is not an output format. Choose one of ${FORMATS.join(', ')}.`,
  )
}

/** Applies a JMESPath query. @throws Fault `UsageWrong` when the query is not JMESPath */
export async function select(result: unknown, query: string | undefined): Promise<unknown> {
  if (query === undefined) return result
  const { search } = await import('@jmespath-community/jmespath')
  try {
    return search(JSON.parse(JSON.stringify(result ?? null)), query)
  } catch (error) {
    throw new Fault('UsageWrong', `--query is not a JMESPath query: ${(error as Error).message}`)
  }
}

/** Prints a result as az does: the text ends with a newline, or is empty. */
export async function print(
  result: unknown,
  options: {
    readonly format: Format
    readonly color: boolean
    readonly table?: TableView | undefined
    readonly queried: boolean
  },
): Promise<string> {
  if (options.format === 'none' || result === undefined) return ''
  const plain: unknown = JSON.parse(JSON.stringify(result))
  switch (options.format) {
    case 'json':
      return `${JSON.stringify(plain, undefined, 2)}\n`
    case 'jsonc':
      return `${colorJson(JSON.stringify(plain, undefined, 2), options.color)}\n`
    case 'tsv':
      return printTsv(plain)
    case 'table':
      return printTable(options.table && !options.queried ? options.table(plain) : toRows(plain))
    default: {
      const { stringify } = await import('yaml')
      return stringify(plain, { lineWidth: 0 })
    }
  }
}

function colorJson(text: string, color: boolean): string {
  if (!color) return text
  return text.replace(
    /("(?:[^"\\]|\\.)*")(\s*:)?|\b(true|false|null|-?\d+(?:\.\d+)?)\b/g,
    (whole, string, colon) =>
      colon
        ? `\u001b[94m${string}\u001b[0m${colon}`
        : `\u001b[${string ? 32 : 36}m${whole}\u001b[0m`,
  )
}

/** Rows of scalars joined by tabs; a nested object or list is left empty, as az does. */
function printTsv(value: unknown): string {
  const rows = Array.isArray(value) ? value : [value]
  return rows.map((row) => `${tsvRow(row)}\n`).join('')
}

function tsvRow(row: unknown): string {
  const cells = Array.isArray(row) ? row : isObject(row) ? Object.values(row) : [row]
  return cells.map(tsvCell).join('\t')
}

function tsvCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'true' : 'false'
  if (typeof value === 'object') return ''
  return String(value)
}

/** The rows az makes on its own: an object's scalar members under title-case names. */
function toRows(value: unknown): Record<string, unknown>[] {
  const items = Array.isArray(value) ? value : [value]
  return items.map((item) => {
    if (Array.isArray(item)) {
      return Object.fromEntries(item.map((cell, i) => [`Column${i + 1}`, cell]))
    }
    if (!isObject(item)) return { Result: item }
    const scalars = Object.entries(item).filter(
      ([, member]) => typeof member !== 'object' && member !== null,
    )
    return Object.fromEntries(scalars.map(([name, member]) => [title(name), member]))
  })
}

function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}

function printTable(rows: readonly Record<string, unknown>[]): string {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  if (names.length === 0) return ''
  const cells = rows.map((row) => names.map((name) => tableCell(row[name])))
  const widths = names.map((name, i) =>
    Math.max(name.length, ...cells.map((row) => row[i]?.length ?? 0)),
  )
  const line = (parts: readonly string[]) =>
    `${parts
      .map((part, i) => part.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd()}\n`
  return line(names) + line(widths.map((width) => '-'.repeat(width))) + cells.map(line).join('')
}

function tableCell(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  return typeof value === 'object' ? JSON.stringify(value) : String(value).replaceAll('\n', ' ')
}
