/*
 * The expression language, for compile time and run time alike. tokens -> parser -> ast; evaluator
 * walks the ast in a scope. kinds and values know what a value is and own every cast; compare owns
 * equality and order; functions/ has a row per function, tables.ts joins them with the named values.
 * trace prints expressions and values; condition, template-text and explain are what callers use on top.
 * No named value, function or limit exists in any other place.
 */
export type { Expression } from './ast.ts'
export { type ConditionResult, evaluateCondition } from './condition.ts'
export { type Evaluated, evaluate } from './evaluator.ts'
export { explainNull, type NullExplanation } from './explain.ts'
export type { ExpressionFunction } from './function-row.ts'
export {
  ArrayValue,
  fromJson,
  type Kind,
  kindOf,
  ObjectValue,
  toJson,
  type Value,
} from './kinds.ts'
export {
  type Parsed,
  parseExpression,
} from './parser.ts'
export {
  type ExpressionError,
  type Limits,
  type Phase,
  phases,
  phaseWords,
  type Scope,
  type StatusPort,
} from './scope.ts'
export { type ContextRow, contextTable, functionTable } from './tables.ts'
export {
  runtimeExpression,
  type SplitTemplate,
  splitTemplate,
  type TemplatePiece,
  toFormatExpression,
} from './template-text.ts'
export { toBoolean, toText } from './values.ts'
