/*
 * What validate and compile do, loaded only by their commands because the compiler is large.
 * pipeline-files finds the file and the repository around it; request reads the options that the
 * commands share; report draws diagnostics for a terminal and sarif writes them for programs.
 */
export { printCompiled } from './print-compiled.ts'
export { validate } from './validate.ts'
