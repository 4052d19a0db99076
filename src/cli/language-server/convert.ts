import {
  CompletionItemKind,
  DiagnosticSeverity,
  MarkupKind,
  type CompletionItem as ProtocolCompletion,
  type Diagnostic as ProtocolDiagnostic,
  type Range,
} from 'vscode-languageserver/node'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import type { CompletionItem, CompletionKind } from '../../compiler/editor/index.ts'
import type { Diagnostic, Place } from '../../compiler/index.ts'

/** A place, which counts from 1, as a range, which counts from 0. */
export function toRange({ line, column, endLine, endColumn }: Place): Range {
  return {
    start: { line: line - 1, character: column - 1 },
    end: { line: endLine - 1, character: endColumn - 1 },
  }
}

/** A problem with its hint on a line of its own. */
export function toProblem({
  code,
  severity,
  message,
  hint,
  place,
}: Diagnostic): ProtocolDiagnostic {
  return {
    range: toRange(place),
    severity: severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    code,
    source: 'sluice',
    message: hint === undefined ? message : `${message}\n${hint}`,
  }
}

const KINDS: Readonly<Record<CompletionKind, CompletionItemKind>> = {
  key: CompletionItemKind.Property,
  value: CompletionItemKind.EnumMember,
  task: CompletionItemKind.Module,
  input: CompletionItemKind.Field,
  function: CompletionItemKind.Function,
  context: CompletionItemKind.Struct,
  variable: CompletionItemKind.Variable,
  parameter: CompletionItemKind.TypeParameter,
  reference: CompletionItemKind.Reference,
  word: CompletionItemKind.Keyword,
}

/** A proposal, in the order in which it was made. */
export function toCompletion(
  item: CompletionItem,
  document: TextDocument,
  order: number,
): ProtocolCompletion {
  const { label, detail, docs, insert, start, end, kind } = item
  const range = { start: document.positionAt(start), end: document.positionAt(end) }
  // An editor filters by the text that is replaced, which may begin with the dot before a name.
  const withDot = document.getText({ ...range, end: document.positionAt(start + 1) }) === '.'
  return {
    label,
    kind: KINDS[kind],
    ...(detail === undefined ? {} : { detail }),
    ...(docs === undefined ? {} : { documentation: { kind: MarkupKind.Markdown, value: docs } }),
    textEdit: { range, newText: insert },
    filterText: withDot && insert.startsWith('[') ? `.${label}` : label,
    sortText: String(order).padStart(5, '0'),
  }
}
