import { Sealed } from '../../base/sealed.ts'
import type { VariableDeclaration } from '../../compiler/index.ts'
import type { GroupVariable, VariableGroup } from '../library/groups-store.ts'

/** A variable after precedence. `value` undefined: a linked name whose value a step will fetch. */
export interface RunVariable {
  /** As first spelled; names compare without case. */
  readonly name: string
  readonly value: string | Sealed | undefined
  readonly isSecret: boolean
  readonly isReadOnly: boolean
}

/** A variable that comes from the pipeline's settings, the caller, or the server. */
export interface GivenVariable {
  readonly name: string
  readonly value: string | Sealed
  readonly isSecret: boolean
  readonly isReadOnly?: boolean
}

/** Names of one linked group that nothing has overridden, in the group's order. */
export interface Claim {
  readonly group: VariableGroup
  readonly names: readonly string[]
}

export interface ResolvedVariables {
  /** By lower-case name, in order of first appearance. */
  readonly variables: ReadonlyMap<string, RunVariable>
  /** Groups that still own names, in the order in which they were named. */
  readonly claims: readonly Claim[]
}

/** Where the values come from, weakest first. */
export interface VariableLayers {
  /** The pipeline's settings and what the caller gave when queueing. */
  readonly given: readonly GivenVariable[]
  /** `variables:` of the root, the stage and the job. */
  readonly declared: readonly (readonly VariableDeclaration[])[]
  /** What the server sets; always wins. */
  readonly system: readonly GivenVariable[]
}

/**
 * Precedence as the service has it (facts: integration §2.3): later wins, whether group or inline;
 * secrecy sticks to a name; an inline value or a later group takes a name away from a group.
 */
export function resolveVariables(
  layers: VariableLayers,
  findGroup: (name: string) => VariableGroup | undefined,
  openSecret: (group: VariableGroup, variable: GroupVariable) => Sealed | undefined,
): ResolvedVariables {
  const variables = new Map<string, RunVariable>()
  const owners = new Map<string, VariableGroup>()
  const groups: VariableGroup[] = []
  const set = (given: RunVariable, owner: VariableGroup | undefined) => {
    const key = given.name.toLowerCase()
    const old = variables.get(key)
    const isSecret = given.isSecret || old?.isSecret === true
    variables.set(key, {
      name: old?.name ?? given.name,
      value: isSecret && typeof given.value === 'string' ? new Sealed(given.value) : given.value,
      isSecret,
      isReadOnly: given.isReadOnly,
    })
    if (owner) owners.set(key, owner)
    else owners.delete(key)
  }
  for (const given of layers.given) set({ isReadOnly: false, ...given }, undefined)
  for (const declaration of layers.declared.flat()) {
    if (declaration.kind === 'value') {
      const { name, value, readonly } = declaration
      set({ name, value, isSecret: false, isReadOnly: readonly }, undefined)
      continue
    }
    const group = findGroup(declaration.group)
    if (!group) continue
    if (!groups.includes(group)) groups.push(group)
    for (const variable of group.variables) {
      set(fromGroup(group, variable, openSecret), group)
    }
  }
  for (const given of layers.system) set({ isReadOnly: true, ...given }, undefined)
  return { variables, claims: listClaims(groups, owners) }
}

function fromGroup(
  group: VariableGroup,
  variable: GroupVariable,
  openSecret: (group: VariableGroup, variable: GroupVariable) => Sealed | undefined,
): RunVariable {
  const { name, isReadOnly } = variable
  if (group.type === 'AzureKeyVault') return { name, value: undefined, isSecret: true, isReadOnly }
  if (!variable.isSecret) return { name, value: variable.value ?? '', isSecret: false, isReadOnly }
  return { name, value: openSecret(group, variable) ?? new Sealed(''), isSecret: true, isReadOnly }
}

function listClaims(
  groups: readonly VariableGroup[],
  owners: ReadonlyMap<string, VariableGroup>,
): Claim[] {
  return groups.flatMap((group) => {
    if (group.type !== 'AzureKeyVault') return []
    const names = group.variables
      .map(({ name }) => name)
      .filter((name) => owners.get(name.toLowerCase()) === group)
    return names.length > 0 ? [{ group, names }] : []
  })
}

/** What conditions and `$[ ]` may read: linked names are Null on the server. */
export function toContext(
  variables: ReadonlyMap<string, RunVariable>,
): Record<string, string | null> {
  const context: Record<string, string | null> = {}
  for (const { name, value } of variables.values()) {
    context[name] = value instanceof Sealed ? value.open() : (value ?? null)
  }
  return context
}
