import type { Node } from './ast.ts'
import { evaluateCondition } from './condition.ts'
import { DateTime } from './date-time.ts'
import { evaluate } from './evaluator.ts'
import { explainNull } from './explain.ts'
import { type Random, randomExpression, randomFrom } from './fuzz-texts.ts'
import { fromJson, toJson, type Value } from './kinds.ts'
import { parseExpression } from './parser.ts'
import { type Phase, phases, type Scope } from './scope.ts'
import { splitTemplate } from './template-text.ts'
import { printNode } from './trace.ts'

/** What a fuzzing run saw. It is good when `violations` is empty. */
export interface FuzzReport {
  readonly count: number
  /** Texts that parsed, and of these the ones that gave a value. */
  readonly parsed: number
  readonly evaluated: number
  /** The longest that one text took, in milliseconds, and that text. */
  readonly slowestMs: number
  readonly slowest: string
  /** At most 20; the run goes on behind them. */
  readonly violations: readonly FuzzViolation[]
}

export interface FuzzViolation {
  readonly text: string
  readonly phase: Phase
  /** The invariant that does not hold, and how. */
  readonly what: string
}

/** No text may take longer. Generous, because the machine may be busy; most take microseconds. */
const MOST_MS = 500
const MOST_VIOLATIONS = 20

/**
 * Runs `count` random expressions, some well-formed and some broken, the same ones for the same
 * seed, and checks that nothing throws or takes long, that what is printed parses to the same tree,
 * that errors stand inside the text, and that an evaluation repeated gives the same answer and trace.
 */
export function fuzzExpressions(seed: number, count: number): FuzzReport {
  const random = randomFrom(seed)
  const violations: FuzzViolation[] = []
  const seen = { parsed: 0, evaluated: 0, slowestMs: 0, slowest: '' }
  for (let i = 0; i < count; i++) {
    const phase = phases[random(phases.length)] ?? 'template'
    const text = randomExpression(random, phase)
    const before = performance.now()
    const outcome = checkSafely(text, phase, random)
    const tookMs = performance.now() - before
    if (outcome.parsed) seen.parsed++
    if (outcome.evaluated) seen.evaluated++
    if (tookMs > seen.slowestMs) Object.assign(seen, { slowestMs: tookMs, slowest: text })
    const what = outcome.wrong ?? (tookMs > MOST_MS ? `took ${Math.round(tookMs)} ms` : undefined)
    if (what && violations.length < MOST_VIOLATIONS) violations.push({ text, phase, what })
  }
  return { count, ...seen, violations }
}

interface Outcome {
  readonly parsed: boolean
  readonly evaluated: boolean
  readonly wrong?: string | undefined
}

function checkSafely(text: string, phase: Phase, random: Random): Outcome {
  try {
    return check(text, phase, random)
  } catch (thrown) {
    return { parsed: false, evaluated: false, wrong: `threw ${String(thrown)}` }
  }
}

function check(text: string, phase: Phase, random: Random): Outcome {
  splitTemplate(text)
  const parsed = parseExpression(text, phase, LOOP_NAMES)
  if (!parsed.ok) {
    const { position, message } = parsed.error
    const inside = position >= 0 && position <= text.length && message !== ''
    const wrong = inside ? undefined : `error at ${position}: ${message}`
    return { parsed: false, evaluated: false, wrong }
  }
  const { expression } = parsed
  const printed = printNode(expression.root)
  const again = parseExpression(printed, phase, LOOP_NAMES)
  // Printing puts every member in brackets and quotes, which can pass the limit on length.
  if (!again.ok && !again.error.message.startsWith('Exceeded')) {
    return {
      parsed: true,
      evaluated: false,
      wrong: `printed as ${printed}: ${again.error.message}`,
    }
  }
  if (again.ok && !isSameNode(expression.root, again.expression.root)) {
    return { parsed: true, evaluated: false, wrong: `printed as ${printed}, another tree` }
  }
  const first = answer(() => evaluate(expression, traced(phase)))
  const second = answer(() => evaluate(expression, traced(phase)))
  if (random(8) === 0) {
    evaluateCondition(text, traced(phase))
    explainNull(expression, traced(phase))
  }
  const wrong = first === second ? undefined : `gave ${first}, then ${second}`
  return { parsed: true, evaluated: first.startsWith('{"ok":true'), wrong }
}

function answer(run: () => ReturnType<typeof evaluate>): string {
  const result = run()
  return JSON.stringify(result.ok ? { ok: true, value: toJson(result.value) } : result)
}

/** The same but for positions and spelling. */
function isSameNode(left: Node, right: Node): boolean {
  if (left.kind === 'literal') {
    return right.kind === 'literal' && isSameLiteral(left.value, right.value)
  }
  if (left.kind === 'name') return right.kind === 'name' && left.name === right.name
  if (left.kind === 'call') {
    if (right.kind !== 'call' || left.fn !== right.fn) return false
    return left.args.length === right.args.length && left.args.every(isSameAs(right.args))
  }
  if (right.kind !== 'path' || left.steps.length !== right.steps.length) return false
  const steps = left.steps.every((step, i) => {
    const other = right.steps[i]
    if (step.kind === 'all') return other?.kind === 'all'
    return other?.kind === 'index' && isSameNode(step.index, other.index)
  })
  return steps && isSameNode(left.root, right.root)
}

function isSameAs(others: readonly Node[]): (node: Node, index: number) => boolean {
  return (node, index) => {
    const other = others[index]
    return other !== undefined && isSameNode(node, other)
  }
}

function isSameLiteral(left: Value, right: Value): boolean {
  return typeof left === typeof right && String(left) === String(right)
}

const LOOP_NAMES: ReadonlySet<string> = new Set(['item'])

const VALUES: Scope['values'] = {
  variables: fromJson({ a: 'Alpha', 'b.c': '1.2.3', empty: '', long: 'ab'.repeat(2_000) }),
  parameters: fromJson({ list: [1, 'two', null, { a: [true] }], a: { B: { c: '5' } }, n: 2.5 }),
  resources: fromJson({ repositories: { self: { name: 'r' } } }),
  pipeline: fromJson({ startTime: new DateTime(1_700_000_000_000, 60) }),
  dependencies: fromJson({ a: { result: 'Succeeded', outputs: { 's.v': 'x', 'b.c': null } } }),
  stageDependencies: () => fromJson({ a: { list: { result: 'Failed', outputs: {} } } }),
  item: fromJson({ key: 'k', value: [1.5, 'x'] }),
}

function traced(phase: Phase): Scope {
  return {
    phase,
    values: VALUES,
    undeclared: (_, name) => (name === 'n' ? 'undeclared' : undefined),
    status: {
      always: () => true,
      canceled: () => false,
      failed: (names) => names.length > 1,
      succeeded: (names) => names.length === 0,
      succeededOrFailed: () => true,
    },
    counter: (prefix, seed) => prefix.length + seed,
    trace: () => undefined,
    limits: { maxNodes: 100_000, maxTextLength: 1_000_000 },
  }
}
