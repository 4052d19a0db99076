import path from 'node:path'
import { type Diagnostic, renderDiagnostic } from '../../compiler/index.ts'
import type { Checked, Surroundings } from './request.ts'

/** The pictures of one file's diagnostics and a line with their number. */
export function reportOf(checked: Checked, around: Surroundings): string {
  const { diagnostics } = checked.compilation
  const pictures = diagnostics.map((one) => `${picture(one, checked, around)}\n`)
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length
  const warnings = diagnostics.length - errors
  const name = shownName(checked.found.file, checked, around)
  const verdict = errors === 0 ? 'valid' : `not valid: ${count(errors, 'error')}`
  const more = warnings === 0 ? '' : `, ${count(warnings, 'warning')}`
  return `${pictures.join('')}${name} is ${verdict}${more}.\n`
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}

/** The path from the current folder, so that a terminal can open it; `path@alias` as it is. */
function shownName(file: string, { found, request }: Checked, { folder }: Surroundings): string {
  if (request.readFile('self', file) === undefined) return file
  return path.relative(folder, path.join(found.root, file)) || file
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a file must not steer the terminal
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g

/** Text that cannot steer a terminal. */
export function printable(text: string): string {
  return text.replace(CONTROL, '\ufffd')
}

/** One diagnostic with its source line; coloured on a terminal that has colours. */
export function picture(diagnostic: Diagnostic, checked: Checked, around: Surroundings): string {
  const { file } = diagnostic.place
  const place = { ...diagnostic.place, file: shownName(file, checked, around) }
  const readFile = () => checked.request.readFile('self', file)
  const drawn = printable(renderDiagnostic({ ...diagnostic, place }, readFile))
  if (!around.terminal.color) return drawn
  const color = diagnostic.severity === 'error' ? 31 : 33
  return drawn
    .replace(`: ${diagnostic.severity}: `, `: \u001b[${color}m${diagnostic.severity}\u001b[0m: `)
    .replace(/\^+$/m, `\u001b[${color}m$&\u001b[0m`)
}
