import { grammar } from '../schema/grammar.ts'
import type { KeyShape } from '../schema/shape.ts'
import type { Token } from '../text/token.ts'
import type { Proposal } from './completion.ts'
import { type Cursor, MARKER } from './cursor.ts'
import type { CatalogueInput, EditorDocument } from './document.ts'
import { entriesOf, isDirective, type Level, scalarOf } from './locate.ts'
import { parametersOf } from './outline.ts'
import { findTask } from './task-words.ts'
import { openTemplate } from './template-files.ts'

/** The keys that may be added to the mapping at the cursor. */
export function keyProposals(
  levels: readonly Level[],
  cursor: Cursor,
  document: EditorDocument,
): readonly Proposal[] {
  const level = levels.at(-1)
  if (!level) return []
  const there = keysThere(levels)
  const special = inputProposals(levels, document) ?? parameterProposals(levels, document)
  const all = special ?? shapeProposals(level, there, cursor)
  const isThere = (label: string) =>
    [...there].some((key) => (special ? same(key, label) : key === label))
  return all.filter(({ label }) => !isThere(label)).map((one) => finish(one, cursor))
}

/** The keys of the node at the cursor, written inside of its directives or around them. */
function keysThere(levels: readonly Level[]): ReadonlySet<string> {
  const inner = levels.findLastIndex(({ entry }) => !entry || !isDirective(entry.key.text))
  const around = levels.slice(inner).find(({ token }) => token.kind === 'mapping')
  const keys = entriesOf(around?.token).map(({ key }) => key.text)
  return new Set(keys.filter((key) => !key.includes(MARKER)))
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

/** A colon that already stands behind the word is not written twice. */
function finish(proposal: Proposal, { hasColon }: Cursor): Proposal {
  return hasColon ? { ...proposal, insert: proposal.label } : proposal
}

function shapeProposals(
  level: Level,
  there: ReadonlySet<string>,
  cursor: Cursor,
): readonly Proposal[] {
  const { shape, declared } = level
  if (there.size === 0 || shape === undefined) return openingProposals(declared, there, cursor)
  if (shape.kind !== 'object') return []
  return Object.entries(shape.keys).map(([name, row]) => keyProposal(name, row, cursor))
}

/** Where nothing tells the shape yet: the first key of each alternative, or all keys of one. */
function openingProposals(
  declared: string,
  there: ReadonlySet<string>,
  cursor: Cursor,
): readonly Proposal[] {
  const shape = grammar[declared]
  if (shape?.kind === 'choice') {
    return shape.of.flatMap((name) => openingProposals(name, there, cursor))
  }
  if (shape?.kind === 'list' && there.size === 0) {
    return openingProposals(shape.of, there, { ...cursor, column: cursor.column + 2 }).map(
      (one) => {
        return { ...one, insert: `- ${one.insert ?? one.label}` }
      },
    )
  }
  if (shape?.kind !== 'object') return []
  const { first, keys } = shape
  const names = first === undefined ? Object.keys(keys) : [first]
  return names.flatMap((name) => {
    const row = keys[name]
    return row ? [keyProposal(name, row, cursor)] : []
  })
}

function keyProposal(name: string, row: KeyShape, cursor: Cursor): Proposal {
  const detail = row.required
    ? 'required'
    : row.default === undefined
      ? ''
      : `default ${row.default}`
  return {
    label: name,
    kind: 'key',
    ...(detail ? { detail } : {}),
    docs: row.docs,
    insert: `${name}:${opening(row.shape, cursor.column)}`,
  }
}

/** What follows a new key: a space for text, a deeper line for a list or mapping. */
function opening(shapeName: string, column: number): string {
  const shape = grammar[shapeName]
  const indent = ' '.repeat(column + 2)
  switch (shape?.kind) {
    case 'list':
      return `\n${indent}- `
    case 'object':
    case 'map':
      return `\n${indent}`
    default:
      return ' '
  }
}

/** Inputs of the step's task; undefined when the cursor is not in `inputs:` of a task. */
function inputProposals(
  levels: readonly Level[],
  { tasks = [] }: EditorDocument,
): readonly Proposal[] | undefined {
  const step = levels.at(-2)
  const isInputs = levels.at(-1)?.entry?.key.text === 'inputs' && step?.name === 'taskStep'
  if (!isInputs) return undefined
  const task = findTask(tasks, scalarOf(step?.token, 'task')?.text ?? '')
  const written = entriesOf(levels.at(-1)?.token).map(({ key }) => key.text)
  return Object.entries(task?.inputs ?? {}).flatMap(([name, input]) => {
    const names = [name, ...(input.aliases ?? [])]
    if (names.some((one) => written.some((key) => same(key, one)))) return []
    return names.map((one) => inputProposal(one, input, one === name ? undefined : name))
  })
}

function inputProposal(name: string, input: CatalogueInput, of: string | undefined): Proposal {
  const detail = [
    of ? `alias of ${of}` : '',
    input.required ? 'required' : '',
    input.default === undefined || input.default === '' ? '' : `default ${input.default}`,
  ]
  return {
    label: name,
    kind: 'input',
    detail: detail.filter(Boolean).join(', '),
    ...(input.help === undefined ? {} : { docs: input.help }),
    insert: `${name}: `,
  }
}

/** Parameters of the template that the cursor's `parameters:` belongs to. */
function parameterProposals(
  levels: readonly Level[],
  document: EditorDocument,
): readonly Proposal[] | undefined {
  const owner = levels.at(-2)
  const isReference = owner?.name === 'templateReference' || owner?.name === 'extends'
  if (levels.at(-1)?.entry?.key.text !== 'parameters' || !isReference) return undefined
  const reference = scalarOf(owner?.token, 'template')?.text
  const root = reference === undefined ? undefined : openTemplate(document, reference)?.root
  return parametersOf(root).map(({ name, token }) => parameterProposal(name, token))
}

function parameterProposal(name: string, token: Token): Proposal {
  const type = scalarOf(token, 'type')?.text
  const hasDefault = entriesOf(token).some(({ key }) => key.text === 'default')
  const detail = [type ?? '', token.kind === 'mapping' && !hasDefault ? 'required' : '']
  const docs = scalarOf(token, 'displayName')?.text
  return {
    label: name,
    kind: 'parameter',
    detail: detail.filter(Boolean).join(', '),
    ...(docs === undefined ? {} : { docs }),
    insert: `${name}: `,
  }
}
