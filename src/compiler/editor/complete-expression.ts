import { contextTable, functionTable, type Phase } from '../expressions/index.ts'
import { type CompletionItem, type CompletionKind, type Proposal, replacing } from './completion.ts'
import type { ExpressionAt } from './expression-at.ts'
import { arityText } from './function-words.ts'
import { isDirective, type Level } from './locate.ts'
import { membersOf, variableMembers } from './members.ts'
import type { View } from './view.ts'

const PATH = String.raw`[A-Za-z_]\w*(?:\.[\w-]+|\['[^']*'\])*`
const IN_INDEX = new RegExp(String.raw`(${PATH})\['([^']*)$`)
const BEHIND_DOT = new RegExp(String.raw`(${PATH})\.([\w-]*)$`)
const IDENTIFIER = /^[A-Za-z_][\w-]*$/

/** Where in an expression the cursor is. */
export interface ExpressionCursor {
  readonly expression: ExpressionAt
  readonly phase: Phase
  readonly offset: number
}

/** Completes a macro's variable name, or functions, named values and members of an expression. */
export function completeExpression(
  cursor: ExpressionCursor,
  view: View,
): readonly CompletionItem[] {
  const { expression, offset } = cursor
  const before = view.document.text.slice(expression.start, offset)
  const after = view.document.text.slice(offset, offset + 200)
  if (expression.kind === 'macro') return completeMacro(before, cursor, view)
  // Names of two hundred characters and more are nobody's; this bounds the patterns below.
  const tail = before.slice(-500)
  const isQuoted = (before.match(/'/g)?.length ?? 0) % 2 === 1
  if (isQuoted) return completeIndex(tail, after, cursor, view)
  const member = BEHIND_DOT.exec(tail)
  if (member) return completeMember(member, after, cursor, view)
  const typed = /\w*$/.exec(tail)?.[0] ?? ''
  if (typed === '' && /[\w)\]'*]\s*$/.test(tail) && !isWordBefore(before)) return []
  const end = offset + (/^\w*/.exec(after)?.[0].length ?? 0)
  const words = expression.kind === 'template' && before.trim() === typed ? DIRECTIVES : []
  return replacing([...words, ...names(cursor.phase, view)], offset - typed.length, end)
}

/** True behind `if`, `elseif` and `in`, where a value may begin. */
function isWordBefore(before: string): boolean {
  return /(^\s*(else)?if|\bin)\s+$/.test(before)
}

function completeMacro(
  typed: string,
  { expression, offset }: ExpressionCursor,
  view: View,
): readonly CompletionItem[] {
  const { text } = view.document
  const closes = text[expression.start + expression.text.length] === ')'
  const end = Math.max(offset, closes ? expression.start + expression.text.length : offset)
  const members = variableMembers(view, 'macro')
  const proposals = members.map(({ name, doc }): Proposal => {
    return { label: name, kind: 'variable', docs: doc, insert: closes ? name : `${name})` }
  })
  return replacing(proposals, offset - typed.length, end)
}

function completeIndex(
  tail: string,
  after: string,
  { phase, offset }: ExpressionCursor,
  view: View,
): readonly CompletionItem[] {
  const found = IN_INDEX.exec(tail)
  if (!found) return []
  const [, path = '', typed = ''] = found
  const rest = /^[^'\]\n})]*/.exec(after)?.[0] ?? ''
  const closes = after.startsWith("'", rest.length)
  const proposals = membersOf(pathParts(path), phase, view).map(({ name, doc }): Proposal => {
    // A step whose variable is still to be written keeps its quote open.
    const insert = closes || name.endsWith('.') ? name : `${name}']`
    return { label: name, kind: kindOf(path), docs: doc, insert }
  })
  return replacing(proposals, offset - typed.length, offset + (closes ? rest.length : 0))
}

function completeMember(
  [, path = '', typed = '']: RegExpExecArray,
  after: string,
  { phase, offset }: ExpressionCursor,
  view: View,
): readonly CompletionItem[] {
  const start = offset - typed.length
  const end = offset + (/^[\w-]*/.exec(after)?.[0].length ?? 0)
  return membersOf(pathParts(path), phase, view).flatMap(({ name, doc }) => {
    const plain = IDENTIFIER.test(name)
    const proposal: Proposal = {
      label: name,
      kind: kindOf(path),
      docs: doc,
      insert: plain ? name : `['${name}']`,
    }
    // A name with a dot needs brackets, which take the place of the dot that was typed.
    return replacing([proposal], plain ? start : start - 1, end)
  })
}

/** The parts of `a.b['c']` as `a`, `b`, `c`. */
function pathParts(path: string): readonly string[] {
  return [...path.matchAll(/\['([^']*)'\]|[\w-]+/g)].map(([whole, quoted]) => quoted ?? whole)
}

function kindOf(path: string): CompletionKind {
  if (/^variables$/i.test(path)) return 'variable'
  return /^parameters$/i.test(path) ? 'parameter' : 'reference'
}

const DIRECTIVES: readonly Proposal[] = [
  {
    label: 'if',
    kind: 'word',
    docs: 'Takes what is below when the condition holds.',
    insert: 'if ',
  },
  {
    label: 'elseif',
    kind: 'word',
    docs: 'Asked when no branch before was taken.',
    insert: 'elseif ',
  },
  { label: 'else', kind: 'word', docs: 'Taken when no branch before was.' },
  {
    label: 'each',
    kind: 'word',
    docs: 'Repeats what is below: `each item in list`.',
    insert: 'each ',
  },
  { label: 'insert', kind: 'word', docs: 'Puts the entries of a mapping in its place.' },
]

function names(phase: Phase, view: View): readonly Proposal[] {
  const functions = functionTable
    .filter((row) => row.phases.includes(phase))
    .map((row): Proposal => {
      const none = (row.maxIn?.[phase] ?? row.max) === 0
      const insert = `${row.name}${none ? '()' : '('}`
      return { label: row.name, kind: 'function', detail: arityText(row), docs: row.doc, insert }
    })
  const contexts = contextTable
    .filter((row) => row.phases.includes(phase))
    .map((row): Proposal => ({ label: row.name, kind: 'context', docs: row.doc }))
  const loops = phase === 'template' ? loopNames(view.levels) : []
  return [...loops, ...contexts, ...functions]
}

/** The loop variables of the `${{ each x in … }}` around a place. */
function loopNames(levels: readonly Level[]): readonly Proposal[] {
  return levels.flatMap(({ entry }) => {
    const key = entry?.key.text ?? ''
    const name = isDirective(key) ? /^\$\{\{\s*each\s+(\w+)\s+in\s/i.exec(key)?.[1] : undefined
    return name ? [{ label: name, kind: 'context' as const, docs: 'The item of the loop.' }] : []
  })
}
