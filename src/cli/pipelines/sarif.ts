import type { Diagnostic } from '../../compiler/index.ts'

/** Diagnostics as a log of SARIF 2.1.0; files are relative to the root of the repository. */
export function toSarif(diagnostics: readonly Diagnostic[]): object {
  const codes = [...new Set(diagnostics.map(({ code }) => code))].sort()
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'Sluice', rules: codes.map(toRule) } },
        columnKind: 'utf16CodeUnits',
        originalUriBaseIds: { SRCROOT: { description: { text: 'The root of the repository.' } } },
        results: diagnostics.map((one) => toResult(one, codes.indexOf(one.code))),
      },
    ],
  }
}

function toRule(code: string): object {
  const words = code.replaceAll('-', ' ')
  const text = `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
  return { id: code, shortDescription: { text } }
}

function toResult({ code, severity, message, hint, place }: Diagnostic, ruleIndex: number): object {
  const at = place.file.lastIndexOf('@')
  const uri = encodeURI(place.file).replaceAll('#', '%23').replaceAll('?', '%3F')
  return {
    ruleId: code,
    ruleIndex,
    level: severity,
    message: { text: hint === undefined ? message : `${message}\n${hint}` },
    locations: [
      {
        physicalLocation: {
          // A file of another repository is not below the root.
          artifactLocation: at < 0 ? { uri, uriBaseId: 'SRCROOT' } : { uri },
          region: {
            startLine: place.line,
            startColumn: place.column,
            endLine: place.endLine,
            endColumn: place.endColumn,
          },
        },
      },
    ],
  }
}
