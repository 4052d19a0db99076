/** A text made readable at the cursor: a stand-in for the word that is being typed. */
export interface Cursor {
  /** The text with the stand-in. Offsets before `markerStart` are those of the document. */
  readonly markedText: string
  readonly markerStart: number
  /** What an accepted completion replaces, in the document. */
  readonly start: number
  readonly end: number
  /** What is typed of the word, before the cursor. */
  readonly typed: string
  /** True when a colon already stands behind the word. */
  readonly hasColon: boolean
  /** Spaces before the word's column, for lines that a completion adds. */
  readonly column: number
  /** True in a comment, where nothing is completed. */
  readonly inComment: boolean
}

/** The stand-in. No pipeline uses the word. */
export const MARKER = 'sluiceCursorMarker'

const KEY_LINE = /^(\s*(?:-\s+)*)([\w.-]*)$/
const VALUE_LINE = /^(\s*(?:-\s+)*(?:[^\s#'"[{-][^#]*?|'[^']*'|"[^"]*"|\$\{\{.*?\}\}):\s+)(\S.*|)$/s
const ITEM_LINE = /^(\s*(?:-\s+)+)(\S.*)$/s

/** Bounds what patterns that end at the cursor look at. */
const LONGEST_WORD = 500

/** Puts the stand-in where the cursor is. */
export function placeCursor(text: string, offset: number): Cursor {
  const lineFrom = text.lastIndexOf('\n', offset - 1) + 1
  const lineEnd = endOfLine(text, offset)
  const before = text.slice(lineFrom, offset)
  const after = text.slice(offset, lineEnd)
  const inComment = /(^|\s)#/.test(before) && !/['"]/.test(before)
  const isKey = KEY_LINE.exec(before)
  const common = { text, offset, lineFrom, lineEnd, inComment }
  if (isKey) return keyCursor({ ...common, typed: isKey[2] ?? '', after })
  const lead = VALUE_LINE.exec(before) ?? ITEM_LINE.exec(before)
  const value = lead?.[2] ?? ''
  const typed = lead ? lastWord(value) : (/[\w.@-]*$/.exec(before.slice(-LONGEST_WORD))?.[0] ?? '')
  return { ...valueCursor({ ...common, typed, after }), hasColon: false }
}

interface Placing {
  readonly text: string
  readonly offset: number
  readonly lineFrom: number
  readonly lineEnd: number
  readonly typed: string
  readonly after: string
  readonly inComment: boolean
}

function keyCursor(at: Placing): Cursor {
  const { text, offset, typed, after } = at
  const wordRest = /^[\w.-]*/.exec(after)?.[0] ?? ''
  const rest = after.slice(wordRest.length)
  const hasColon = /^\s*:(\s|$)/.test(rest)
  const start = offset - typed.length
  const end = offset + wordRest.length
  const isFree = rest.trim() === '' || /^\s+#/.test(rest)
  const stand = !hasColon && isFree ? `${MARKER}:` : MARKER
  return {
    ...placed(at, start, end),
    markedText: text.slice(0, start) + stand + text.slice(end),
    hasColon,
  }
}

function valueCursor(at: Placing): Omit<Cursor, 'hasColon'> {
  const { text, offset, typed, after } = at
  const wordRest = /^[\w.@/-]*/.exec(after)?.[0] ?? ''
  const start = offset - typed.length
  const end = offset + wordRest.length
  return {
    ...placed(at, start, end),
    markedText: text.slice(0, start) + MARKER + text.slice(end),
  }
}

function placed(at: Placing, start: number, end: number) {
  const { typed, lineFrom, inComment } = at
  return { markerStart: start, start, end, typed, column: start - lineFrom, inComment }
}

/** What is typed of a value: behind an opening quote, or behind the last comma of a flow list. */
function lastWord(value: string): string {
  const opened = /^['"]/.exec(value)
  if (opened) return value.slice(1)
  if (/^[[{]/.test(value)) return /[^\s,:[\]{}'"]*$/.exec(value.slice(-LONGEST_WORD))?.[0] ?? ''
  return value
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset)
  if (end < 0) return text.length
  return end > offset && text[end - 1] === '\r' ? end - 1 : end
}
