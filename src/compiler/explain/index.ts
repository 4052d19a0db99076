/*
 * Explains one value of a compiled pipeline. value decides what the question is: an expression, which
 * is evaluated in static-scope and traced; the name of a variable, whose settings variable-story
 * tells; or a path into the plan, which plan-path follows and whose source token-at finds.
 * All of it is text for a person; nothing here changes a plan.
 */
export { type Explanation, explainValue } from './value.ts'
