/**
 * Goes on with a value, at once when it is there already: what is in memory is answered without a
 * turn of the event loop.
 */
export function whenThere<Value, Result>(
  value: Value | Promise<Value>,
  next: (value: Value) => Result | Promise<Result>,
): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value)
}
