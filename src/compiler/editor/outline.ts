import type { ScalarToken, Token } from '../text/token.ts'
import { allItems, entriesOf, scalarOf, valueAt } from './locate.ts'

/** A name that the file declares, and where. */
export interface Declared {
  readonly name: string
  /** The scalar that holds the name. */
  readonly at: ScalarToken
  /** The mapping that declares it. */
  readonly token: Token
}

/** A stage and its jobs. */
export interface OutlineStage extends Declared {
  readonly jobs: readonly Declared[]
}

/** What a file declares by name; half-typed declarations without a name are left out. */
export interface Outline {
  readonly parameters: readonly Declared[]
  readonly repositories: readonly Declared[]
  readonly pipelines: readonly Declared[]
  readonly containers: readonly Declared[]
  readonly stages: readonly OutlineStage[]
  /** Jobs of a file without stages. */
  readonly jobs: readonly Declared[]
}

/** Reads the names of a file, looking into `${{ if }}` and `${{ each }}` too. */
export function outlineOf(root: Token | undefined): Outline {
  const resources = valueAt(root, 'resources')
  const resource = (list: string, key: string) => namedItems(valueAt(resources, list), [key])
  return {
    parameters: parametersOf(root),
    repositories: resource('repositories', 'repository'),
    pipelines: resource('pipelines', 'pipeline'),
    containers: resource('containers', 'container'),
    stages: namedItems(valueAt(root, 'stages'), ['stage']).map((stage) => ({
      ...stage,
      jobs: jobsOf(stage.token),
    })),
    jobs: jobsOf(root),
  }
}

/** The jobs and deployment jobs directly below a stage or root. */
export function jobsOf(token: Token | undefined): readonly Declared[] {
  return namedItems(valueAt(token, 'jobs'), ['job', 'deployment'])
}

/** Parameters as a list of declarations, or in the older form as a mapping of defaults. */
export function parametersOf(root: Token | undefined): readonly Declared[] {
  const written = valueAt(root, 'parameters')
  if (written?.kind === 'sequence') return namedItems(written, ['name'])
  return entriesOf(written).map(({ key, value }) => ({ name: key.text, at: key, token: value }))
}

/** The items of a list that have a name behind one of `keys`. */
function namedItems(list: Token | undefined, keys: readonly string[]): readonly Declared[] {
  return allItems(list).flatMap((token) => {
    for (const key of keys) {
      const at = scalarOf(token, key)
      if (at && at.text !== '') return [{ name: at.text, at, token }]
    }
    return []
  })
}

/** The declaration of a name, whatever its case. */
export function findDeclared<Row extends Declared>(
  rows: readonly Row[],
  name: string,
): Row | undefined {
  return rows.find((row) => row.name.toLowerCase() === name.toLowerCase())
}

/** The steps of a job, those of all hooks of a deployment job too. */
export function stepsOf(job: Token | undefined): readonly Token[] {
  const own = allItems(valueAt(job, 'steps'))
  const strategies = entriesOf(valueAt(job, 'strategy')).map(({ value }) => value)
  const hooks = strategies.flatMap((strategy) =>
    entriesOf(strategy).flatMap(({ key, value }) =>
      key.text === 'on' ? entriesOf(value).map((outcome) => outcome.value) : [value],
    ),
  )
  return [...own, ...hooks.flatMap((hook) => allItems(valueAt(hook, 'steps')))]
}
