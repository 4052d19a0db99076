/** Calls `work` for every item, `limit` at a time, in their order; the first failure ends it. */
export async function inParallel<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const waiting = items[Symbol.iterator]()
  let isFailed = false
  const worker = async (): Promise<void> => {
    for (let next = waiting.next(); !next.done && !isFailed; next = waiting.next()) {
      await work(next.value).catch((error: unknown) => {
        isFailed = true
        throw error
      })
    }
  }
  await Promise.all(Array.from({ length: limit }, worker))
}
