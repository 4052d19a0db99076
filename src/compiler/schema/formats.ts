import { parseCron } from '../triggers/cron.ts'
import type { TextFormat } from './shape.ts'

/** Why a text does not fit; undefined when it does. */
export interface Misfit {
  readonly code: string
  readonly message: string
  readonly hint?: string
}

type Rule = (text: string) => Misfit | undefined

const TRUE_WORDS = new Set(['true', 'y', 'yes', 'on'])
const FALSE_WORDS = new Set(['false', 'n', 'no', 'off'])

/** The boolean that a YAML word stands for, in any case; undefined for other texts. */
export function toBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase()
  if (TRUE_WORDS.has(word)) return true
  return FALSE_WORDS.has(word) ? false : undefined
}

/** True for text that a later phase fills in: `$(macro)` or `$[ expression ]`. */
function isLate(text: string): boolean {
  return text.includes('$(') || isRuntimeExpression(text)
}

/** True when the trimmed text is `$[ … ]` as a whole. */
export function isRuntimeExpression(text: string): boolean {
  const trimmed = text.trim()
  return trimmed.startsWith('$[') && trimmed.endsWith(']')
}

function unexpected(text: string, hint: string): Misfit {
  return { code: 'unexpected-value', message: `Unexpected value '${text}'`, hint }
}

const NAME = /^[-_A-Za-z0-9]*$/
const TASK = /^[^@\s]+@\d+(\.\d+\.\d+)?$/
// The published pattern: none of ~ ^ : [ ] \ or a space, no empty segment.
const BRANCH = /^[^~^:[\]\\\s/]+(\/[^~^:[\]\\\s/]+)*$/

const rules: Readonly<Record<TextFormat, Rule>> = {
  string: () => undefined,
  condition: () => undefined,
  nonEmpty: (text) =>
    text === '' ? { code: 'empty-value', message: 'Expected a non-empty string' } : undefined,
  boolean: (text) =>
    text === '' || toBoolean(text) !== undefined || isLate(text)
      ? undefined
      : unexpected(text, 'Use true or false.'),
  number: (text) =>
    text === '' || /^\d+(\.\d+)?$/.test(text.trim()) || isLate(text)
      ? undefined
      : unexpected(text, 'Use a number.'),
  name: (text) =>
    NAME.test(text)
      ? undefined
      : {
          code: 'invalid-name',
          message: `The name '${text}' is invalid.`,
          hint: 'Use letters, digits and underscores; begin with a letter.',
        },
  branchPattern: (text) =>
    BRANCH.test(text.replace(/^\//, '').replace(/\/$/, ''))
      ? undefined
      : unexpected(text, 'A pattern must not hold ~ ^ : [ ] \\ a space or an empty part.'),
  cron: (text) =>
    parseCron(text)
      ? undefined
      : {
          code: 'invalid-cron',
          message: `The cron text '${text}' is invalid.`,
          hint: 'Write five fields in UTC: minute hour day month weekday.',
        },
  task: (text) => {
    if (TASK.test(text)) return undefined
    const hint = text.includes('@')
      ? 'Write the major version behind the name, for example Bash@3.'
      : `Add the major version, for example ${text || 'Bash'}@1.`
    const message = `The task reference '${text}' is invalid.`
    return { code: 'invalid-task', message, hint }
  },
}

/** Holds `text` against the rule of `format`. */
export function misfitOf(format: TextFormat, text: string): Misfit | undefined {
  return rules[format](text)
}
