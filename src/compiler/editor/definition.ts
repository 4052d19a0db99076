import type { Place } from '../diagnostic.ts'
import { placeOf, type Spot } from '../text/source.ts'
import { type EditorDocument, type Position, toOffset } from './document.ts'
import { findDeclared, parametersOf } from './outline.ts'
import { type SymbolAt, symbolAt } from './symbol.ts'
import { nameOf, openTemplate } from './template-files.ts'
import { settingsOf } from './variables.ts'

/**
 * The places that declare what stands at a position, the one that counts first: template files,
 * stages, jobs, variables, parameters and resources. Files are named as in diagnostics.
 */
export function definition(document: EditorDocument, position: Position): readonly Place[] {
  const symbol = symbolAt(document, toOffset(document.text, position))
  return symbol ? placesOf(symbol) : []
}

function placesOf({ meaning, view }: SymbolAt): readonly Place[] {
  const { document } = view
  switch (meaning.kind) {
    case 'declared':
      return [place(meaning.declared.at)]
    case 'output':
      return [place(meaning.setting.at)]
    case 'variable':
      return settingsOf(view.variables, meaning.name)
        .map(({ at }) => place(at))
        .reverse()
    case 'template':
      return templatePlace(document, meaning.reference)
    case 'templateParameter': {
      const root = openTemplate(document, meaning.reference)?.root
      const found = findDeclared(parametersOf(root), meaning.name)
      return found ? [place(found.at)] : []
    }
    default:
      return []
  }
}

/** A long text is pointed at by its first character. */
function place(spot: Spot): Place {
  const { source, start, end } = spot
  const isLong = source.text.slice(start, end).includes('\n')
  return placeOf({ source, start, end: isLong ? start : end })
}

function templatePlace(document: EditorDocument, reference: string): readonly Place[] {
  const opened = openTemplate(document, reference)
  if (!opened) return []
  return [{ file: nameOf(opened.file), line: 1, column: 1, endLine: 1, endColumn: 1 }]
}
