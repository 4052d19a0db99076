import type { ExpressionFunction } from './function-row.ts'
import { comparisonFunctions } from './functions/comparison.ts'
import { formatFunctions } from './functions/format.ts'
import { listFunctions, templateFunctions } from './functions/lists.ts'
import { logicFunctions } from './functions/logic.ts'
import { counterFunctions, statusFunctions } from './functions/status.ts'
import { textFunctions, textQuestions } from './functions/text.ts'
import type { Phase } from './scope.ts'

/** Every function of the language: name, arity, one line for the editor, and where it exists. */
export const functionTable: readonly ExpressionFunction[] = [
  ...logicFunctions,
  ...comparisonFunctions,
  ...textQuestions,
  ...textFunctions,
  ...formatFunctions,
  ...listFunctions,
  ...templateFunctions,
  ...statusFunctions,
  ...counterFunctions,
]

/** A named value: where it exists and what it holds. */
export interface ContextRow {
  readonly name: string
  readonly doc: string
  readonly phases: readonly Phase[]
}

/** Every named value of the language; template loop variables come on top. */
export const contextTable: readonly ContextRow[] = [
  {
    name: 'variables',
    doc: 'Variables by name; in templates only those that are known when the file is compiled.',
    phases: [
      'template',
      'runtimeVariable',
      'stageCondition',
      'jobCondition',
      'stepCondition',
      'jobField',
    ],
  },
  { name: 'parameters', doc: 'Parameters of the template by name.', phases: ['template'] },
  {
    name: 'resources',
    doc: 'Repositories, pipelines and containers that the pipeline declares.',
    phases: ['template', 'runtimeVariable', 'jobField'],
  },
  {
    name: 'pipeline',
    doc: 'Facts of the run, for example `pipeline.startTime`.',
    phases: ['runtimeVariable', 'stageCondition', 'jobCondition', 'jobField'],
  },
  {
    name: 'dependencies',
    doc: 'Results and outputs of the stages (in a stage) or jobs (in a job) in `dependsOn`.',
    phases: ['runtimeVariable', 'stageCondition', 'jobCondition', 'jobField'],
  },
  {
    name: 'stageDependencies',
    doc: 'Results and outputs of jobs of the stages that the stage depends on.',
    phases: ['runtimeVariable', 'jobCondition', 'jobField'],
  },
]

const FUNCTIONS = new Map(functionTable.map((row) => [row.name.toLowerCase(), row]))
const CONTEXTS = new Map(contextTable.map((row) => [row.name.toLowerCase(), row]))

/** The function of a name in any case, whatever the phase. */
export function findFunction(name: string): ExpressionFunction | undefined {
  return FUNCTIONS.get(name.toLowerCase())
}

/** The named value of a name in any case, whatever the phase. */
export function findContext(name: string): ContextRow | undefined {
  return CONTEXTS.get(name.toLowerCase())
}
