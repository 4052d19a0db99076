/**
 * Template expansion: a parsed root in, a root without templates out. program reads the expressions
 * of a scalar, evaluate gives their values in a frame, expand walks mappings and sequences and obeys
 * directives, include and extends bring in other files, parameters binds and types what is passed.
 * files reads each file once; budget ends what grows past the limits; scan reads dead branches too.
 * values turns tokens into expression values and back without losing their places.
 */
export { ExpansionStopped } from './budget.ts'
export { type CompileCache, createCompileCache } from './files.ts'
export { type ExpandRequest, expandPipeline, type PipelineExpansion } from './pipeline.ts'
