import { ANY_NUMBER, type Arguments, family } from '../function-row.ts'
import { toText } from '../values.ts'

/** Functions over truth. All but `iif` leave the arguments they do not need unevaluated. */
export const logicFunctions = family({}, [
  ['and', [2, ANY_NUMBER], 'True when every argument is true.', (args) => !some(args, false)],
  ['or', [2, ANY_NUMBER], 'True when any argument is true.', (args) => some(args, true)],
  ['not', [1, 1], 'True when the argument is false.', (args) => !args.boolean(0)],
  [
    'xor',
    [2, 2],
    'True when exactly one argument is true.',
    (args) => args.boolean(0) !== args.boolean(1),
  ],
  [
    'coalesce',
    [2, ANY_NUMBER],
    'The first argument that is neither null nor empty text; null when there is none.',
    (args) => {
      for (let i = 0; i < args.count; i++) {
        const value = args.value(i)
        if (toText(value) !== '') return value
      }
      return null
    },
  ],
  [
    'iif',
    [3, 3],
    'The second argument when the first is true, else the third. Evaluates all three.',
    (args) => {
      const [whenTrue, whenFalse] = [args.value(1), args.value(2)]
      return args.boolean(0) ? whenTrue : whenFalse
    },
  ],
  [
    'in',
    [2, ANY_NUMBER],
    'True when the first argument equals any of the others.',
    (args) => isAmong(args),
  ],
  [
    'notIn',
    [2, ANY_NUMBER],
    'True when the first argument equals none of the others.',
    (args) => !isAmong(args),
  ],
])

function some(args: Arguments, wanted: boolean): boolean {
  for (let i = 0; i < args.count; i++) if (args.boolean(i) === wanted) return true
  return false
}

function isAmong(args: Arguments): boolean {
  const first = args.value(0)
  for (let i = 1; i < args.count; i++) if (args.areEqual(first, args.value(i))) return true
  return false
}
