import type { ScalarToken, Token } from '../text/token.ts'
import { allItems, entriesOf, type Level, scalarOf, valueAt } from './locate.ts'
import { stepsOf } from './outline.ts'
import type { OpenTemplate, TemplateFile } from './template-files.ts'

/** Where a variable gets its value; a later word wins over an earlier one. */
type VariableLevel = 'pipeline' | 'stage' | 'job' | 'matrix' | 'step'

/** One place that sets a variable. */
export interface VariableSetting {
  readonly name: string
  readonly value: string | undefined
  readonly level: VariableLevel
  /** The scalar that holds the name; for steps the script that sets it. */
  readonly at: ScalarToken
}

/** The settings that a place can see, the weakest first, and the groups beside them. */
export interface VisibleVariables {
  readonly settings: readonly VariableSetting[]
  readonly groups: readonly Group[]
}

/** A variable group that is listed; its names are known at run time only. */
interface Group {
  readonly name: string
  readonly level: VariableLevel
  readonly at: ScalarToken
}

/** Opens a template by its `template:` value, seen from another template or from the document. */
export type ReadTemplate = (reference: string, from?: TemplateFile) => OpenTemplate | undefined

const LEVELS: Readonly<Record<string, VariableLevel>> = {
  pipeline: 'pipeline',
  ordinaryStage: 'stage',
  ordinaryJob: 'job',
  deploymentJob: 'job',
}

/** What is visible below `levels`: the variables of the pipeline, and of the stage and job around. */
export function visibleVariables(
  levels: readonly Level[],
  readTemplate: ReadTemplate,
): VisibleVariables {
  const settings: VariableSetting[] = []
  const groups: Group[] = []
  for (const { token, name } of levels) {
    const level = LEVELS[name ?? '']
    if (!level) continue
    collect(valueAt(token, 'variables'), { level, settings, groups, readTemplate, depth: 0 })
    if (level !== 'job') continue
    settings.push(...matrixSettings(token), ...stepSettings(token))
  }
  // A pipeline of steps alone is a job too.
  const root = levels[0]?.token
  if (valueAt(root, 'steps')) settings.push(...matrixSettings(root), ...stepSettings(root))
  return { settings, groups }
}

interface Collection {
  readonly level: VariableLevel
  readonly settings: VariableSetting[]
  readonly groups: Group[]
  readonly readTemplate: ReadTemplate
  readonly depth: number
  /** The template that is read; undefined for the document. */
  readonly from?: TemplateFile
}

const DEEPEST = 10

function collect(written: Token | undefined, into: Collection): void {
  const { level, settings, groups, readTemplate, depth, from } = into
  for (const { key, value } of entriesOf(written)) {
    settings.push({ name: key.text, value: textOf(value), level, at: key })
  }
  for (const item of allItems(written)) {
    const name = scalarOf(item, 'name')
    const group = scalarOf(item, 'group')
    const template = scalarOf(item, 'template')
    if (name)
      settings.push({ name: name.text, value: textOf(valueAt(item, 'value')), level, at: name })
    else if (group) groups.push({ name: group.text, level, at: group })
    else if (template && depth < DEEPEST) {
      const opened = readTemplate(template.text, from)
      const inside = { ...into, depth: depth + 1 }
      if (opened) collect(valueAt(opened.root, 'variables'), { ...inside, from: opened.file })
    }
  }
}

function textOf(token: Token | undefined): string | undefined {
  return token?.kind === 'scalar' ? token.text : undefined
}

function matrixSettings(job: Token | undefined): readonly VariableSetting[] {
  const legs = entriesOf(valueAt(valueAt(job, 'strategy'), 'matrix'))
  return legs.flatMap((leg) =>
    entriesOf(leg.value).map(({ key, value }) => {
      return { name: key.text, value: textOf(value), level: 'matrix' as const, at: key }
    }),
  )
}

/** A variable that the text of a step sets while it runs. */
interface StepOutput {
  readonly name: string
  readonly isOutput: boolean
}

const SET_VARIABLE = /##vso\[task\.setvariable\s([^\]]{0,500})\]/gi

/** Reads `##vso[task.setvariable …]` commands out of text. */
function outputsIn(text: string): readonly StepOutput[] {
  return [...text.matchAll(SET_VARIABLE)].flatMap(([, properties = '']) => {
    const name = /(?:^|;)\s*variable=([^;\]]+)/i.exec(properties)?.[1]?.trim()
    const isOutput = /(?:^|;)\s*isoutput=true/i.test(properties)
    return name ? [{ name, isOutput }] : []
  })
}

/** Every variable that the steps of a job set; outputs by `step.name`. */
export function stepSettings(job: Token | undefined): readonly VariableSetting[] {
  return stepsOf(job).flatMap((step) => {
    const stepName = scalarOf(step, 'name')?.text
    return scriptsOf(step).flatMap((at) =>
      outputsIn(at.text).flatMap(({ name, isOutput }) => {
        if (isOutput && stepName === undefined) return []
        const full = isOutput ? `${stepName}.${name}` : name
        return [{ name: full, value: undefined, level: 'step' as const, at }]
      }),
    )
  })
}

function scriptsOf(step: Token): readonly ScalarToken[] {
  const own = ['script', 'bash', 'pwsh', 'powershell'].map((key) => scalarOf(step, key))
  const inline = scalarOf(valueAt(step, 'inputs'), 'script')
  return [...own, inline].filter((token) => token !== undefined)
}

/** The settings of one name, whatever its case; the last one wins. */
export function settingsOf(
  { settings }: VisibleVariables,
  name: string,
): readonly VariableSetting[] {
  return settings.filter((one) => one.name.toLowerCase() === name.toLowerCase())
}
