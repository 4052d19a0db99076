import {
  type Expression,
  evaluate,
  evaluateCondition,
  fromJson,
  type Phase,
  parseExpression,
  runtimeExpression,
  type Scope,
  toJson,
} from '../compiler/expressions/index.ts'
import { compile, finalDocument } from '../compiler/index.ts'
import { fault } from './faults.ts'
import type { Compiler, ExpressionScope, Expressions } from './ports.ts'

/** The product's own compiler. */
export const ownCompiler: Compiler = {
  compile: ({ file, readFile, parameters, variables, yamlOverride }) => {
    const { plan, diagnostics } = compile({
      file,
      readFile: (repository, path) => {
        if (repository !== 'self') return undefined
        return yamlOverride !== undefined && path === file ? yamlOverride : readFile(path)
      },
      parameters,
      variables,
    })
    return plan
      ? { plan, diagnostics, finalYaml: finalDocument(plan) }
      : { plan: undefined, diagnostics }
  },
}

/** The product's own expression engine. */
export const ownExpressions: Expressions = {
  isTrue: (condition, scope) => {
    const result = evaluateCondition(condition, toScope(scope))
    if (result.ok) return result.holds
    throw wrong(condition, result.error)
  },
  findRuntime: runtimeExpression,
  evaluate: (text, scope) => {
    const result = evaluate(parse(text, scope.phase), toScope(scope))
    if (result.ok) return toJson(result.value)
    throw wrong(text, result.error)
  },
}

function parse(text: string, phase: Phase): Expression {
  const parsed = parseExpression(text, phase)
  if (parsed.ok) return parsed.expression
  throw wrong(text, parsed.error)
}

/** The text of an expression is pipeline text; the values it read are not shown. */
function wrong(text: string, error: { readonly message: string; readonly hint?: string }) {
  const hint = error.hint === undefined ? '' : ` ${error.hint}`
  return fault('ExpressionWrong', `The expression '${text}' is not valid: ${error.message}${hint}`)
}

function toScope({ phase, values, status, counter, mask }: ExpressionScope): Scope {
  return {
    phase,
    values: Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, () => fromJson(value)]),
    ),
    ...(status ? { status } : {}),
    ...(counter ? { counter } : {}),
    ...(mask ? { mask } : {}),
  }
}
