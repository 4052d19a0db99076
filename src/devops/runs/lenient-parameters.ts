import { isObject } from '../../base/json.ts'
import { fault } from '../faults.ts'

/**
 * Reads `parameters` of a build: JSON, or the Python dictionary text that the stock command line
 * sends (facts: integration §7.5), for example `{'x': 'it\'s', "y": True}`.
 *
 * @throws Fault `RunWrong` for anything else; the text itself is not shown
 */
export function readLenientParameters(text: string): Record<string, string> {
  if (text.trim() === '') return {}
  const value = parseJsonOrUndefined(text) ?? parseJsonOrUndefined(pythonToJson(text))
  if (!isObject(value)) {
    throw fault('RunWrong', "'parameters' must be the text of a JSON object of names and values.")
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name,
      typeof item === 'string' ? item : item === null ? '' : JSON.stringify(item),
    ]),
  )
}

function parseJsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const WORDS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' }

/** Rewrites quotes, escapes and words of a Python literal; other text passes. */
function pythonToJson(text: string): string {
  const token = /'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|\b(True|False|None)\b|,(?=\s*\})/gs
  return text.replaceAll(token, (_whole, single?: string, double?: string, word?: string) => {
    if (word !== undefined) return WORDS[word] ?? word
    const body = single ?? double
    return body === undefined ? '' : JSON.stringify(unescapePython(body))
  })
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

function unescapePython(body: string): string {
  return body.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([\s\S]))/g,
    (_whole, short?: string, medium?: string, long?: string, char = '') => {
      const hex = short ?? medium ?? long
      if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
      return ESCAPES[char] ?? char
    },
  )
}
