import { stringify } from 'yaml'
import type { Random } from '../src/compiler/expressions/fuzz-texts.ts'
import { type Grammar, grammar } from '../src/compiler/index.ts'

/** The files of one pipeline; the root is `azure-pipelines.yml`. */
export type Files = Readonly<Record<string, string>>

type Tree = string | readonly Tree[] | { readonly [key: string]: Tree }

interface Growth {
  readonly random: Random
  /** Names of this document, so that references can meet what they refer to. */
  readonly names: string[]
  /** How likely, in 1 of so many, that a text breaks its rule. */
  readonly wrongOneIn: number
  left: number
}

/** A document grown from the language's own grammar: every construct, in every place it may stand. */
export function grownDocument(random: Random): Files {
  const growth = { random, names: [], wrongOneIn: random(3) === 0 ? 15 : 100_000, left: 60 }
  const root = grow('pipeline', growth)
  const text = random(3) === 0 ? JSON.stringify(root, undefined, 1) : toBlock(root)
  return { 'azure-pipelines.yml': text }
}

/** Block style text of a tree. */
function toBlock(tree: unknown): string {
  return stringify(tree, { schema: 'failsafe', aliasDuplicateObjects: false, lineWidth: 0 })
}

function grow(name: string, growth: Growth): Tree {
  const shape = grammar[name]
  const { random } = growth
  growth.left -= 1
  if (!shape || shape.kind === 'any') return ['x', ['a', 'b'], { k: 'v' }][random(3)] ?? 'x'
  switch (shape.kind) {
    case 'text': {
      const wrong = random(growth.wrongOneIn) === 0
      if (shape.values && !wrong) return pick(random, shape.values)
      return wrong ? pick(random, WRONG) : textFor(shape.format, growth)
    }
    case 'list':
      return Array.from({ length: 1 + random(growth.left > 0 ? 3 : 1) }, () =>
        item(shape.of, growth),
      )
    case 'map': {
      const keys = Array.from({ length: 1 + random(3) }, (_, i) => `key${i}`)
      return Object.fromEntries(keys.map((key) => [key, grow(shape.of, growth)]))
    }
    case 'choice':
      return grow(chosen(shape.of, growth), growth)
    case 'object':
      return growObject(shape, growth)
  }
}

type ObjectShape = Extract<Grammar[string], { kind: 'object' }>

function growObject(shape: ObjectShape, growth: Growth): Tree {
  const { random } = growth
  const often = growth.left > 0 ? 5 : 30
  const left = leftOut(shape, growth)
  const entries = Object.entries(shape.keys).flatMap(([key, { shape: of, required }]) => {
    if (left.has(key)) return []
    const isHook = key === 'strategy' && 'deployment' in shape.keys
    const wanted =
      required || isHook || key === shape.first || ALWAYS.has(key) || random(often) === 0
    return wanted ? [[key, memberOf(key, of, growth)] as const] : []
  })
  // A mapping may say its key in a branch.
  if (random(25) === 0 && entries.length > 1 && growth.left > 0) {
    const [key, value] = entries.at(-1) ?? ['', '']
    const branch = { [expression(random, 'if')]: { [key]: value } }
    return { ...Object.fromEntries(entries.slice(0, -1)), ...branch }
  }
  return Object.fromEntries(entries)
}

/** Keys of which a mapping has one, mostly. */
const EITHER = [
  ['stages', 'jobs', 'steps'],
  ['matrix', 'parallel'],
  ['runOnce', 'rolling', 'canary'],
  ['commands', 'settableVariables'],
]
/** Keys that stand at the root only beside `steps`. */
const OF_THE_JOB = ['strategy', 'continueOnError', 'container', 'services', 'workspace']

/** Keys that this mapping will not have. */
function leftOut(shape: ObjectShape, { random }: Growth): ReadonlySet<string> {
  const out = new Set(NEVER)
  if (random(30) === 0) return out
  for (const group of EITHER) {
    const present = group.filter((key) => key in shape.keys)
    const kept = pick(random, present)
    for (const key of present) if (key !== kept) out.add(key)
  }
  if ('stages' in shape.keys && out.has('steps')) for (const key of OF_THE_JOB) out.add(key)
  return out
}

function item(of: string, growth: Growth): Tree {
  const { random } = growth
  if (growth.left <= 0 || random(20) > 0) return grow(of, growth)
  return { [expression(random, random(2) === 0 ? 'if' : 'each')]: [grow(of, growth)] }
}

/** Keys whose values must agree with others, and the rest by their shape. */
function memberOf(key: string, of: string, growth: Growth): Tree {
  const { random, names } = growth
  if (key === 'dependsOn') return random(6) > 0 ? [] : pick(random, ['', ...names])
  if (key === 'strategy' && of !== 'strategy' && random(9) === 0) return {}
  if (random(8) > 0 && key in RESOURCE_NAMES) return RESOURCE_NAMES[key] ?? ''
  if (NAMING.has(key)) {
    const name = `${key}_${names.length}`
    names.push(name)
    return name
  }
  return grow(of, growth)
}

/** Steps that need a declared resource. */
const RARE = /downloadBuild|getPackage|reviewApp/i
const ALWAYS = new Set([
  'steps',
  'jobs',
  'stages',
  'deploy',
  'environment',
  'script',
  'runOnce',
  'rolling',
  'canary',
  'matrix',
  'parallel',
  'default',
])
/** Templates have a generator of their own; old words only lead to refusals. */
const NEVER = new Set(['template', 'phases', 'extends', 'phase', 'queue', 'server', 'upload'])
/** Texts that must name a resource or another part. */
const RESOURCE_NAMES: Readonly<Record<string, string>> = {
  checkout: 'self',
  download: 'current',
  container: 'ubuntu:24.04',
  parameters: [] as never,
}
const NAMING = new Set(['stage', 'job', 'deployment', 'name'])

function chosen(of: readonly string[], growth: Growth): string {
  const known = growth.random(6) > 0
  const usable = of.filter((name) => name !== 'templateReference' && !(known && RARE.test(name)))
  return pick(growth.random, usable.length > 0 ? usable : of)
}

const WRONG = ['', ' ', '~', '$(x', '$[ x', 'a b', '-1', '1e9', 'é', "'", '${{ 1 }}', '[', '\u2028']

function textFor(format: string, { random }: Growth): string {
  const texts = TEXTS[format] ?? TEXTS['string'] ?? []
  return random(12) === 0 && format === 'string' ? expression(random, 'text') : pick(random, texts)
}

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  string: [
    'a',
    'two words',
    '$(macro)',
    '#',
    'null',
    '- x',
    'key: value',
    'two\nlines\n',
    '%',
    '!t',
  ],
  nonEmpty: ['a', 'b/c', 'x.y'],
  boolean: ['true', 'false', 'yes', 'OFF', '$[ eq(1, 1) ]', ''],
  number: ['1', '0', '2.5', '$(n)'],
  name: ['A', 'b_1', 'C-2'],
  branchPattern: ['main', 'releases/*', 'refs/tags/v*', '*'],
  cron: ['0 0 * * *', '*/5 1-3 1,15 Jan Mon-Fri'],
  task: ['Bash@3', 'AzureKeyVault@2', 'x.y.Task@1'],
  condition: ['always()', "and(succeeded(), eq(variables['a'], 'b'))", 'failed()', 'false'],
}

/** The text of a template expression, or a directive with one. */
export function expression(random: Random, kind: 'text' | 'if' | 'each'): string {
  if (kind === 'each')
    return pick(random, ["${{ each x in split('a,b', ',') }}", '${{ each x in variables }}'])
  const inner = pick(random, EXPRESSIONS)
  return kind === 'if'
    ? `\${{ if ${inner} }}`
    : pick(random, [`\${{ ${inner} }}`, `a \${{ ${inner} }} b`])
}

const EXPRESSIONS = [
  'true',
  'eq(1, 2)',
  "format('{0}', 'x')",
  "variables['Build.SourceBranch']",
  'variables.nothing',
  "not(contains('abc', 'b'))",
  "convertToJson(split('a b', ' '))",
  'iif(true, 1, 2)',
]

/** One of the items; the first of an empty list is the empty text. */
export function pick(random: Random, items: readonly string[]): string {
  return items[random(items.length)] ?? ''
}
