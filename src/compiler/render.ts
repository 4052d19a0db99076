import type { Diagnostic } from './diagnostic.ts'
import { lineText } from './text/source.ts'

/**
 * A diagnostic as a picture for a terminal: `file:line:column: error: message`, the source line,
 * carets below the place, and the hint. `readFile` gives a file's text by the name in the place.
 */
export function renderDiagnostic(
  diagnostic: Diagnostic,
  readFile: (file: string) => string | undefined,
): string {
  const { place, severity, message, hint } = diagnostic
  const lines = [`${place.file}:${place.line}:${place.column}: ${severity}: ${message}`]
  const text = readFile(place.file)
  if (text !== undefined) {
    const line = lineText({ file: place.file, text }, place.line)
    if (line !== '') lines.push(...picture(diagnostic, line))
  }
  if (hint !== undefined) lines.push(`  hint: ${hint}`)
  return lines.join('\n')
}

const WIDEST = 160

function picture({ place }: Diagnostic, line: string): readonly string[] {
  const number = String(place.line)
  // A long line is cut so that the place stays in view.
  const from = place.column > WIDEST ? place.column - WIDEST / 2 : 0
  const shown = line.slice(from, from + WIDEST).replaceAll('\t', ' ')
  const endColumn = place.endLine === place.line ? place.endColumn : line.length + 1
  const indent = Math.max(0, place.column - 1 - from)
  const width = Math.max(1, Math.min(endColumn - place.column, shown.length - indent))
  const gutter = ' '.repeat(number.length)
  return [`  ${number} | ${shown}`, `  ${gutter} | ${' '.repeat(indent)}${'^'.repeat(width)}`]
}
