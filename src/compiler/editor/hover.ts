import { phaseWords } from '../expressions/index.ts'
import { placeOf } from '../text/source.ts'
import { type EditorDocument, type Position, toOffset } from './document.ts'
import { functionText } from './function-words.ts'
import { scalarOf } from './locate.ts'
import { type Declared, findDeclared, parametersOf } from './outline.ts'
import { predefinedVariables } from './predefined-variables.ts'
import { type Meaning, type SymbolAt, symbolAt } from './symbol.ts'
import { findInput, findTask, inputText, taskText } from './task-words.ts'
import { openTemplate } from './template-files.ts'
import { settingsOf, type VariableSetting } from './variables.ts'
import type { View } from './view.ts'

/** What an editor shows for the text from `start` to `end`. */
export interface Hover {
  /** Markdown. */
  readonly text: string
  readonly start: number
  readonly end: number
}

/** Explains what stands at a position; undefined where there is nothing to say. */
export function hover(document: EditorDocument, position: Position): Hover | undefined {
  const symbol = symbolAt(document, toOffset(document.text, position))
  const text = symbol && textOf(symbol)
  return text ? { text, start: symbol.start, end: symbol.end } : undefined
}

function textOf({ meaning, view }: SymbolAt): string | undefined {
  const { document } = view
  const { tasks = [] } = document
  switch (meaning.kind) {
    case 'key':
      return keyText(meaning)
    case 'function':
      return functionText(meaning.row)
    case 'context': {
      const where = meaning.row.phases.map((phase) => phaseWords[phase]).join(', ')
      return `**${meaning.row.name}**\n\n${meaning.row.doc}\n\nExists in ${where}.`
    }
    case 'task': {
      const task = findTask(tasks, meaning.reference)
      return task && taskText(task)
    }
    case 'input': {
      const task = findTask(tasks, meaning.reference)
      const found = findInput(task, meaning.name)
      return task && found && inputText(found.name, found.input, task)
    }
    case 'variable':
      return variableText(meaning.name, view)
    case 'output':
      return `**${meaning.setting.name}** (output)\n\nSet by ${where(meaning.setting)}.`
    case 'template':
      return templateText(document, meaning.reference)
    case 'templateParameter': {
      const parameters = parametersOf(openTemplate(document, meaning.reference)?.root)
      const found = findDeclared(parameters, meaning.name)
      return found && declaredText('parameter', found)
    }
    case 'declared':
      return declaredText(meaning.what, meaning.declared)
  }
}

function keyText({ name, row }: Extract<Meaning, { kind: 'key' }>): string {
  const more = row.required ? 'Required.' : row.default && `Default: \`${row.default}\`.`
  return [`**${name}**`, row.docs, more ?? ''].filter(Boolean).join('\n\n')
}

const LEVEL_WORDS: Readonly<Record<VariableSetting['level'], string>> = {
  pipeline: 'the pipeline',
  stage: 'the stage',
  job: 'the job',
  matrix: 'the matrix of the job',
  step: 'a step, while the job runs',
}

function where({ level, at }: VariableSetting): string {
  const { file, line, column } = placeOf(at)
  return `${LEVEL_WORDS[level]} (${file}:${line}:${column})`
}

/** Where a variable is set, and what that overrides; the last setting wins. */
function variableText(name: string, view: View): string | undefined {
  const settings = settingsOf(view.variables, name)
  const predefined = predefinedVariables.find(
    (one) => one.name.toLowerCase() === name.toLowerCase(),
  )
  const groups = view.variables.groups.map((group) => `\`${group.name}\``).join(', ')
  const winner = settings.at(-1)
  const lines = [`**${winner?.name ?? predefined?.name ?? name}** (variable)`]
  if (predefined) lines.push(predefined.doc)
  if (winner) {
    const value = winner.value === undefined ? '' : ` to \`${winner.value.slice(0, 200)}\``
    lines.push(`Set${value} by ${where(winner)}.`)
    for (const loser of settings.slice(0, -1).reverse()) {
      const lost = loser.value === undefined ? '' : `\`${loser.value.slice(0, 200)}\` of `
      lines.push(`Overrides ${lost}${where(loser)}.`)
    }
  }
  if (groups && !predefined) {
    lines.push(
      `${winner ? 'Groups' : 'It may come from the groups'} ${groups}${winner ? ' may set it too' : ''}; they are read when the stage starts.`,
    )
  }
  if (lines.length === 1) lines.push('Not set in this file; it may be set when the run is queued.')
  return lines.join('\n\n')
}

function templateText(document: EditorDocument, reference: string): string | undefined {
  const parameters = parametersOf(openTemplate(document, reference)?.root)
  const rows = parameters.map((one) => `- \`${one.name}\` ${facts(one)}`.trimEnd())
  if (rows.length === 0) return undefined
  return `**${reference}** (template)\n\nParameters:\n\n${rows.join('\n')}`
}

function declaredText(what: string, declared: Declared): string {
  const { file, line, column } = placeOf(declared.at)
  const shown = scalarOf(declared.token, 'displayName')?.text
  const more = what === 'parameter' ? facts(declared) : (shown ?? '')
  const head = `**${declared.name}** (${what})`
  return [head, more, `Declared at ${file}:${line}:${column}.`].filter(Boolean).join('\n\n')
}

function facts({ token }: Declared): string {
  const type = scalarOf(token, 'type')?.text
  const standard = scalarOf(token, 'default')?.text
  const shown = scalarOf(token, 'displayName')?.text
  return [
    shown ?? '',
    type ? `Type ${type}.` : '',
    standard === undefined ? '' : `Default \`${standard.slice(0, 200)}\`.`,
  ]
    .filter(Boolean)
    .join(' ')
}
