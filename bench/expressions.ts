/**
 * Expressions a second, parsed and evaluated, beside JSON.parse of the same texts as JSON strings in
 * the same run. The promise is 100,000 simple expressions a second. Prints one JSON object a line.
 * Run: `node bench/expressions.ts [--quick]`.
 */
import {
  evaluate,
  fromJson,
  parseExpression,
  type Scope,
} from '../src/compiler/expressions/index.ts'
import { median } from './figure.ts'

const texts = [
  "eq(variables['Build.SourceBranch'], 'refs/heads/main')",
  'variables.configuration',
  "and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'))",
  "startsWith(variables['Build.SourceBranch'], 'refs/heads/')",
  "in(variables.configuration, 'Debug', 'Release')",
  "format('{0}-{1}', variables.configuration, 3)",
  "eq(dependencies.Build.outputs['set.version'], '1.2.3')",
  'not(canceled())',
]

const scope: Scope = {
  phase: 'jobCondition',
  values: {
    variables: fromJson({
      'Build.SourceBranch': 'refs/heads/main',
      'Build.Reason': 'Manual',
      configuration: 'Release',
    }),
    dependencies: fromJson({ Build: { result: 'Succeeded', outputs: { 'set.version': '1.2.3' } } }),
  },
  status: {
    always: () => true,
    canceled: () => false,
    failed: () => false,
    succeeded: () => true,
    succeededOrFailed: () => true,
  },
}

function parsed(text: string) {
  const result = parseExpression(text, scope.phase)
  if (!result.ok) throw new Error(result.error.message)
  return result.expression
}

const expressions = texts.map(parsed)
const json = texts.map((text) => JSON.stringify(text))

const quick = process.argv.includes('--quick')
const [ROUNDS, ROUND_MS] = quick ? [5, 60] : [9, 150]

/** Median of rounds, in runs over all texts a second times the number of texts. */
function perSecond(round: () => void): number {
  const rates = Array.from({ length: ROUNDS }, () => {
    const startMs = performance.now()
    let runs = 0
    while (performance.now() - startMs < ROUND_MS) {
      for (let j = 0; j < 200; j++) round()
      runs += 200
    }
    return (runs * texts.length * 1000) / (performance.now() - startMs)
  })
  return Math.round(median(rates))
}

function print(name: string, value: number, more: { bar?: number; peer?: string }): void {
  console.log(JSON.stringify({ name: `expressions.${name}`, value, unit: '/s', ...more }))
}

const peer = perSecond(() => json.forEach((text) => void JSON.parse(text)))
print(
  'parse-and-evaluate',
  perSecond(() => texts.forEach((text) => void evaluate(parsed(text), scope))),
  { bar: 100_000, peer: `JSON.parse of the same texts as strings: ${peer}/s` },
)
print(
  'parse',
  perSecond(() => texts.forEach((text) => void parsed(text))),
  {},
)
print(
  'evaluate',
  perSecond(() => expressions.forEach((expression) => void evaluate(expression, scope))),
  {},
)
