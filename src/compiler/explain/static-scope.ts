import { fromJson, ObjectValue, type Scope, type Value } from '../expressions/index.ts'
import { defaultLimits } from '../limits.ts'
import type { Plan, PlanResources } from '../plan.ts'
import { parameterTypes } from '../templates/parameter-types.ts'
import { createTokenValues } from '../templates/values.ts'
import { find, scalarAt, type Token } from '../text/token.ts'
import { parseYaml } from '../text/yaml.ts'

/** What is known of a pipeline when it is compiled. */
export interface StaticInput {
  readonly plan: Plan
  /** The tree of the root file. */
  readonly root: Token | undefined
  readonly parameters: Readonly<Record<string, unknown>>
  readonly variables: Readonly<Record<string, string>>
}

/** The named values that the root file's template expressions see at its end. */
export function staticValues(input: StaticInput): Scope['values'] {
  const { plan, variables } = input
  const own = plan.variables.flatMap((one) =>
    one.kind === 'value' ? [[one.name, one.value] as const] : [],
  )
  return {
    variables: foldedObject([...Object.entries(variables), ...own]),
    parameters: foldedObject(parametersOf(input)),
    resources: resourcesOf(plan.resources),
  }
}

/** An object whose later entries replace earlier ones of the same name in another case. */
function foldedObject(entries: readonly (readonly [string, Value])[]): Value {
  const byName = new Map(
    entries.map(([name, value]) => [name.toLowerCase(), [name, value] as const]),
  )
  return new ObjectValue(new Map(byName.values()))
}

function parametersOf({ root, parameters }: StaticInput): readonly (readonly [string, Value])[] {
  const declarations = find(root, 'parameters')
  if (declarations?.kind !== 'sequence') return []
  const values = createTokenValues()
  const passed = new Map(Object.entries(parameters).map(([name, of]) => [name.toLowerCase(), of]))
  return declarations.items.flatMap((item) => {
    const name = textAt(item, 'name')
    if (!name) return []
    const type = parameterTypes[(textAt(item, 'type') || 'string').toLowerCase()]
    const given = passed.get(name.toLowerCase())
    // What is no text came from a program, and has its type already.
    if (given !== undefined && typeof given !== 'string') return [[name, fromJson(given)] as const]
    const token =
      given === undefined
        ? find(item, 'default')
        : given === ''
          ? scalarAt(item, '')
          : readText(given, item)
    const typed = token && type?.convert(token, name)
    if (!token || !typed || 'misfit' in typed) return []
    return [[name, 'value' in typed ? typed.value : values.toValue(typed.token)] as const]
  })
}

const STRUCTURED = /^(object|legacyobject|pool|\w*list|step|job|deployment|stage|container)$/i

/** A value from the command line: text, or YAML where the type is a list or mapping. */
function readText(text: string, item: Token): Token {
  const scalar = { ...scalarAt(item, text) }
  if (!STRUCTURED.test(textAt(item, 'type'))) return scalar
  const read = parseYaml({ file: '', text }, { limits: defaultLimits, allowAnchors: false })
  return read.root ?? scalar
}

function textAt(item: Token, key: string): string {
  const token = find(item, key)
  return token?.kind === 'scalar' ? token.text : ''
}

function resourcesOf(resources: PlanResources): Value {
  const kinds = Object.entries(resources).map(([kind, list]) => {
    const rows = (list as PlanResources['repositories']).map(({ alias, properties }) => {
      return [alias, { alias, ...properties }] as const
    })
    const self = kind === 'repositories' ? { self: { alias: 'self' } } : {}
    return [kind, { ...self, ...Object.fromEntries(rows) }] as const
  })
  return new ObjectValue(Object.fromEntries(kinds))
}
