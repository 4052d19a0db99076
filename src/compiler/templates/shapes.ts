import { grammar } from '../schema/grammar.ts'
import type { Shape } from '../schema/shape.ts'

/** Lists whose items may be `template:` references, by the shape of the list. */
const TEMPLATE_LISTS = {
  stages: 'stages',
  jobs: 'jobs',
  phases: 'phases',
  steps: 'steps',
  variableList: 'variables',
} as const

/** The key of a template's root that fills a list of this kind. */
export type TemplateKind = (typeof TEMPLATE_LISTS)[keyof typeof TEMPLATE_LISTS]

/**
 * What expansion must know about a place: a set of shapes, because a mapping whose first key is a
 * directive may still become any of several. Memoized per expansion.
 */
export interface ShapeView {
  /** The shapes of the value at `key`. */
  child(key: string): ShapeView
  /** The shapes of a sequence's items. */
  readonly item: ShapeView
  /** The kind of templates that items may name. */
  readonly templates: TemplateKind | undefined
  readonly isVariableScope: boolean
  readonly isVariables: boolean
  /** Template expressions are not evaluated below. */
  readonly isRaw: boolean
  /** Holds nothing that expansion treats in its own way. */
  readonly isAny: boolean
}

/** A view of the grammar from `name`. */
export function createShapes(): (name: string) => ShapeView {
  const views = new Map<string, ShapeView>()
  const viewOf = (names: readonly string[]): ShapeView => {
    const key = names.join('|')
    const known = views.get(key)
    if (known) return known
    const view = createView(names, viewOf)
    views.set(key, view)
    return view
  }
  return (name) => viewOf([name])
}

function createView(
  names: readonly string[],
  viewOf: (names: readonly string[]) => ShapeView,
): ShapeView {
  const flat = flatten(names)
  const shapes = flat.map(({ shape }) => shape)
  const children = new Map<string, ShapeView>()
  let item: ShapeView | undefined
  const list = flat.find(({ name }) => name in TEMPLATE_LISTS)?.name
  return {
    templates: TEMPLATE_LISTS[list as keyof typeof TEMPLATE_LISTS],
    isVariableScope: shapes.some((shape) => shape.kind === 'object' && shape.variableScope),
    isVariables: flat.some(({ name }) => name === 'variableMap' || name === 'variableList'),
    isRaw: names.some((name) => grammar[name]?.expressions === 'none'),
    isAny: shapes.every((shape) => shape.kind === 'any' || shape.kind === 'text'),
    get item() {
      item ??= viewOf([...new Set(shapes.flatMap((s) => (s.kind === 'list' ? [s.of] : [])))])
      return item
    },
    child(key) {
      const known = children.get(key)
      if (known) return known
      const view = viewOf([...new Set(shapes.flatMap((shape) => childNames(shape, key)))])
      children.set(key, view)
      return view
    },
  }
}

function childNames(shape: Shape, key: string): readonly string[] {
  if (shape.kind === 'map') return [shape.of]
  if (shape.kind !== 'object') return []
  const row = Object.hasOwn(shape.keys, key) ? shape.keys[key] : undefined
  return row ? [row.shape] : shape.extra ? [shape.extra] : []
}

/** Choices replaced by what they choose from. */
function flatten(names: readonly string[]): readonly { name: string; shape: Shape }[] {
  return names.flatMap((name) => {
    const shape = grammar[name]
    if (!shape) return []
    return shape.kind === 'choice' ? flatten(shape.of) : [{ name, shape }]
  })
}
