import type { Spot } from '../text/source.ts'
import { completeExpression } from './complete-expression.ts'
import { keyProposals } from './complete-keys.ts'
import { valueProposals } from './complete-values.ts'
import { type CompletionItem, replacing } from './completion.ts'
import { type Cursor, MARKER, placeCursor } from './cursor.ts'
import { type EditorDocument, type Position, toOffset, treeOf } from './document.ts'
import { conditionAt, expressionAt, phaseAt } from './expression-at.ts'
import { type Located, locate } from './locate.ts'
import { type View, viewFrom } from './view.ts'

/**
 * What may be written at a position: keys that are not there yet, values, tasks and their inputs,
 * names of stages and jobs, and what expressions know. Never throws for what the text holds.
 */
export function completions(
  document: EditorDocument,
  position: Position,
): readonly CompletionItem[] {
  const offset = toOffset(document.text, position)
  const cursor = placeCursor(document.text, offset)
  const { root, at } = read(document, cursor)
  const view = viewFrom(document, root, at)
  const inside = expressionAt(document.text, offset) ?? conditionBefore(at, document.text, offset)
  if (inside) {
    const phase = phaseAt(inside.kind, at)
    return completeExpression({ expression: inside, phase, offset }, view)
  }
  if (!at || cursor.inComment || at.scalar.style === 'block') return []
  return completeNode(at, cursor, view)
}

const STRAY_WORD = /^[ \t]*(?:-[ \t]+)?[A-Za-z][\w.-]*[ \t]*$/gm

/** Reads the marked text; when other unfinished lines hide the cursor, without them. */
function read({ file }: EditorDocument, { markedText, markerStart }: Cursor) {
  const root = treeOf(file, markedText)
  const at = locate(root, markerStart)
  if (at && !at.levels.some(({ entry }) => entry && isFolded(entry.key))) return { root, at }
  const healed = markedText.replaceAll('\t', ' ').replace(STRAY_WORD, (line) => {
    return line.includes(MARKER) ? line : ' '.repeat(line.length)
  })
  const second = treeOf(file, healed)
  return { root: second ?? root, at: locate(second, markerStart) }
}

/** True for a key over several lines: a stray word has grown together with the key below it. */
function isFolded({ source, start, end }: Spot): boolean {
  return source.text.slice(start, end).includes('\n')
}

/** The condition that is being typed, up to the cursor. */
function conditionBefore(at: Located | undefined, text: string, offset: number) {
  const condition = at && conditionAt(at, text)
  if (!condition || offset < condition.start) return undefined
  return { ...condition, text: text.slice(condition.start, offset) }
}

function completeNode(at: Located, cursor: Cursor, view: View): readonly CompletionItem[] {
  const { start, end } = cursor
  if (!at.keyOf) {
    return replacing(valueProposals(view, cursor.typed), start, end)
  }
  const keys = keyProposals(at.levels, cursor, view.document)
  // A word alone may still become a text: `dependsOn:` with `- ` below it.
  const { token } = at.levels.at(-1) ?? {}
  const isAlone = token?.kind === 'mapping' && token.entries.length === 1 && !cursor.hasColon
  const values = isAlone && at.scalar.text === MARKER ? valueProposals(view, cursor.typed) : []
  return replacing([...values, ...keys], start, end)
}
