import { isEmpty, type MappingToken, type Token } from '../text/token.ts'
import type { ChoiceShape, Grammar, ObjectShape, Shape } from './shape.ts'

/** The token kinds that a shape takes. */
export function kindOf(shape: Shape, grammar: Grammar): readonly Token['kind'][] {
  switch (shape.kind) {
    case 'text':
      return ['scalar']
    case 'list':
      return ['sequence']
    case 'map':
    case 'object':
      return ['mapping']
    case 'any':
      return ['scalar', 'sequence', 'mapping']
    case 'choice':
      return shape.of.flatMap((name) => {
        const option = grammar[name]
        return option ? kindOf(option, grammar) : []
      })
  }
}

/**
 * The alternative that `token` means: by its kind, then by its first key, then by a first key that
 * stands too late, then by the number of keys known. Undefined when none fits.
 */
export function chooseShape(
  token: Token,
  choice: ChoiceShape,
  grammar: Grammar,
): string | undefined {
  // The usual case, and the one that must be quick: the first key says it.
  if (token.kind === 'mapping') {
    const first = token.entries[0]?.key.text
    for (const name of choice.of) {
      const shape = grammar[name]
      if (first !== undefined && shape?.kind === 'object' && shape.first === first) return name
    }
  }
  const fitting = choice.of.filter((name) => {
    const shape = grammar[name]
    return shape !== undefined && kindOf(shape, grammar).includes(token.kind)
  })
  if (isEmpty(token) && fitting.length === 0) return emptyChoice(choice, grammar)
  if (token.kind === 'scalar') return chooseText(token.text, fitting, grammar)
  if (token.kind === 'sequence') return fitting[0]
  return chooseMapping(token, fitting, grammar)
}

/** An empty value stands for an empty list or mapping where one may be. */
function emptyChoice(choice: ChoiceShape, grammar: Grammar): string | undefined {
  return choice.of.find((name) => {
    const shape = grammar[name]
    return shape && shape.kind !== 'text' && !(shape.kind === 'object' && shape.first !== undefined)
  })
}

function chooseText(text: string, names: readonly string[], grammar: Grammar): string | undefined {
  return names.find((name) => {
    const shape = grammar[name]
    if (shape?.kind !== 'text' || !shape.values || text === '') return shape !== undefined
    if (!shape.ignoreCase) return shape.values.includes(text)
    return shape.values.some((value) => value.toLowerCase() === text.toLowerCase())
  })
}

function chooseMapping(
  token: MappingToken,
  names: readonly string[],
  grammar: Grammar,
): string | undefined {
  const first = token.entries[0]?.key.text
  const objects = names.flatMap((name) => {
    const shape = grammar[name]
    return shape?.kind === 'object' ? [{ name, shape }] : []
  })
  const led = objects.filter(({ shape }) => shape.first !== undefined)
  const byFirst =
    led.find(({ shape }) => shape.first === first) ??
    led.find(({ shape }) => token.entries.some((entry) => entry.key.text === shape.first))
  if (byFirst) return byFirst.name
  const free = objects.filter(({ shape }) => shape.first === undefined)
  const known = ({ shape }: { shape: ObjectShape }) =>
    token.entries.filter((entry) => Object.hasOwn(shape.keys, entry.key.text)).length
  free.sort((a, b) => known(b) - known(a))
  return free[0]?.name ?? names.find((name) => grammar[name]?.kind !== 'object')
}
