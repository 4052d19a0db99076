import { compareOrder } from '../compare.ts'
import { type Arguments, family } from '../function-row.ts'
import { childrenOf } from '../kinds.ts'

/** Functions that compare. The right argument takes the kind of the left one. */
export const comparisonFunctions = family({}, [
  [
    'eq',
    [2, 2],
    'True when the right argument, cast to the kind of the left one, equals it.',
    (args) => args.areEqual(args.value(0), args.value(1)),
  ],
  [
    'ne',
    [2, 2],
    'True when the arguments are not equal.',
    (args) => !args.areEqual(args.value(0), args.value(1)),
  ],
  ['gt', [2, 2], 'True when the left argument is greater.', (args) => order(args) > 0],
  ['ge', [2, 2], 'True when the left argument is greater or equal.', (args) => order(args) >= 0],
  ['lt', [2, 2], 'True when the left argument is less.', (args) => order(args) < 0],
  ['le', [2, 2], 'True when the left argument is less or equal.', (args) => order(args) <= 0],
  [
    'containsValue',
    [2, 2],
    'True when an item of the list, or a value of the mapping, equals the second argument.',
    (args) => {
      const children = childrenOf(args.value(0))
      if (!children) return false
      args.chargeItems(children.length)
      const wanted = args.value(1)
      return children.some((child) => args.areEqual(wanted, child))
    },
  ],
])

function order(args: Arguments): number {
  const [left, right] = [args.value(0), args.value(1)]
  if (typeof left === 'string') args.chargeText(left.length)
  if (typeof right === 'string') args.chargeText(right.length)
  const order = compareOrder(left, right)
  return typeof order === 'number' ? order : args.failCast(order.value, order.to)
}
