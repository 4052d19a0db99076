import type { Phase } from './scope.ts'
import { contextTable, functionTable } from './tables.ts'

/** A random whole number from 0 and below `below`. */
export type Random = (below: number) => number

/** The same numbers for the same seed (a 32-bit xorshift with a multiplied output). */
export function randomFrom(seed: number): Random {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return Math.floor(((Math.imul(state, 0x2545f491) >>> 0) / 2 ** 32) * below)
  }
}

/** Expression text: two in three grow from the grammar, and a third of those is then broken. */
export function randomExpression(random: Random, phase: Phase): string {
  const kind = random(12)
  if (kind < 2) return soup(random)
  if (kind === 2 && random(20) === 0) return extreme(random)
  const grown = grow(random, phase, 1 + random(5))
  return kind < 6 ? mutate(random, grown) : grown
}

function pick<T>(random: Random, items: readonly [T, ...T[]]): T {
  return items[random(items.length)] ?? items[0]
}

function grow(random: Random, phase: Phase, depth: number): string {
  const choice = depth === 0 ? random(2) : random(6)
  if (choice === 0) return literal(random)
  const root = choice < 3 ? namedValue(random, phase) : call(random, phase, depth)
  if (choice >= 3 && random(4) > 0) return root
  return root + steps(random, phase, depth)
}

function call(random: Random, phase: Phase, depth: number): string {
  const here = functionTable.filter((row) => row.phases.includes(phase))
  const row = here[random(here.length)]
  if (!row) return literal(random)
  const max = Math.min(row.maxIn?.[phase] ?? row.max, row.min + 3)
  const count = row.min + random(max - row.min + 1)
  const args = Array.from({ length: count }, () => grow(random, phase, Math.max(depth - 1, 0)))
  const name = random(3) === 0 ? row.name.toUpperCase() : row.name
  return `${name}${space(random)}(${space(random)}${args.join(`,${space(random)}`)})`
}

function namedValue(random: Random, phase: Phase): string {
  const here = contextTable.filter((row) => row.phases.includes(phase))
  return random(8) === 0 ? 'item' : (here[random(here.length)]?.name ?? 'variables')
}

function steps(random: Random, phase: Phase, depth: number): string {
  let text = ''
  for (let left = random(4); left > 0; left--) {
    const key = pick(random, ['a', 'b', 'list', 'result', 'outputs', 'value', 'key', 'startTime'])
    text += pick(random, [
      `.${key}`,
      `['${key}']`,
      "['b.c']",
      "['s.v']",
      '.*',
      '[*]',
      `[${random(4)}]`,
      depth > 0 ? `[${grow(random, phase, depth - 1)}]` : '.empty',
    ])
  }
  return text
}

function literal(random: Random): string {
  return pick(random, [
    () => `'${word(random)}'`,
    () => `'${word(random)}'`,
    () => String((random(4000) - 2000) / pick(random, [1, 4, 10, 1000])),
    () => `.${random(100000)}`,
    () => `0.${random(2 ** 31)}${random(2 ** 31)}`,
    () => `${random(9)}.${random(20)}.${random(300)}`,
    () => pick(random, ['true', 'False', '-0', '+1', '1.', '9007199254740993', '1.2.3.4']),
  ])()
}

function word(random: Random): string {
  return pick(random, [
    '',
    'Alpha',
    'ab'.repeat(random(60)),
    "it''s",
    '{0}',
    '{0} {1}',
    '{{{0}}}',
    '{0:yyyy-MM-dd}',
    '{0:\\T}',
    '1.5',
    ' 1,000 ',
    'äßİı\u{1f600}',
    '\ud83d',
    '}}',
  ])
}

function space(random: Random): string {
  return random(4) === 0 ? pick(random, [' ', '\n', '\t', '  ']) : ''
}

const SYMBOLS = [..."()[].,*'{}$+-0123456789_ \n=é\0"]

function symbol(random: Random): string {
  return SYMBOLS[random(SYMBOLS.length)] ?? ''
}

function soup(random: Random): string {
  let text = ''
  for (let left = random(30); left > 0; left--) {
    const row = functionTable[random(functionTable.length)]
    text += random(4) === 0 ? (row?.name ?? '') : symbol(random)
  }
  return text
}

/** Up to three pieces of the text cut out, doubled, or replaced by a symbol. */
function mutate(random: Random, text: string): string {
  let result = text
  for (let left = 1 + random(3); left > 0; left--) {
    const at = random(result.length + 1)
    const end = Math.min(result.length, at + random(6))
    const middle = pick(random, ['', symbol(random), result.slice(at, end).repeat(2)])
    result = result.slice(0, at) + middle + result.slice(end)
  }
  return result
}

/** What people try in order to break a parser: great depth, great length, great width. */
function extreme(random: Random): string {
  const size = pick(random, [49, 50, 51, 1000, 5000])
  return pick(random, [
    `${'not('.repeat(size)}1${')'.repeat(size)}`,
    `variables${'.a'.repeat(size)}`,
    `variables${'.*'.repeat(size)}`,
    `variables${'['.repeat(size)}`,
    `and(${'1,'.repeat(size)}1)`,
    `replace(variables.long,'a',replace(variables.long,'b',variables.long))`,
    `'${"''".repeat(size)}`,
    `format('${'{0}'.repeat(size)}',variables.long)`,
    `join(variables.long,${'coalesce(variables.x,'.repeat(20)}variables.*${')'.repeat(20)})`,
    '1.'.repeat(size),
    '.'.repeat(size),
  ])
}
