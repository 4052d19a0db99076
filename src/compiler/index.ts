/**
 * The compiler: pipeline YAML in, a plan and diagnostics out. Pure; it runs in a browser too.
 * text/ reads YAML into tokens with places; schema/ is the language as data and the check;
 * templates/ expands expressions and includes; expressions/ evaluates; model/ undoes the sugar,
 * gives names, checks the graph and makes the plan; print/ writes the final document.
 * triggers/ says what starts a run and why, and when schedules fire;
 * editor/ completes, explains and finds what stands at a position of half-typed text; explain/
 * tells where one value comes from: both have doors of their own, so that a run loads neither.
 * cases/ shows every documented behaviour: options, input, expected plan or diagnostics.
 */
export { type Compilation, type CompileRequest, compile } from './compile.ts'
export type { Diagnostic, Place, Severity, Span } from './diagnostic.ts'
export { type CompileLimits, defaultLimits } from './limits.ts'
export * from './plan.ts'
export { finalDocument } from './print/final-document.ts'
export { renderDiagnostic } from './render.ts'
export { grammar } from './schema/grammar.ts'
export type { Grammar, KeyShape, ObjectShape, Shape } from './schema/shape.ts'
export { type CompileCache, createCompileCache } from './templates/index.ts'
export * from './triggers/index.ts'
