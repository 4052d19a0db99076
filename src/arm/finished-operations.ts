import { newGuid } from '../base/ids.ts'
import type { Call } from '../http/call.ts'
import { type Operation, operation } from '../http/operation.ts'
import { empty, json, type Reply } from '../http/reply.ts'
import type { ArmContext } from './context.ts'
import { armFault } from './wire-faults.ts'

const armOperation = operation<ArmContext>()
/** Results are kept for a day. */
const KEPT_MS = 86_400_000

/**
 * Answers 202 for work that is done already: clients of these operations poll `Location`, and the
 * first poll says it is finished.
 */
export async function answerAccepted(
  call: Call<{ readonly subscription: string }>,
  { store, clock, apiVersion }: ArmContext,
): Promise<Reply> {
  const id = newGuid()
  const nowMs = clock.nowMs()
  const subscriptionId = call.params.subscription.toLowerCase()
  const old = store.operations.list().filter((one) => one.finishedAtMs < nowMs - KEPT_MS)
  await store.mirrors.write(async (changes) => {
    for (const one of old) await changes.remove(store.operations, one.id)
    await changes.put(store.operations, { id, subscriptionId, finishedAtMs: nowMs })
  })
  const path = `/subscriptions/${call.params.subscription}/operationresults/${id}`
  return empty(202, {
    location: `${call.origin}${path}?api-version=${apiVersion}`,
    'retry-after': '1',
  })
}

/** What clients poll. */
export const finishedOperations: readonly Operation<ArmContext>[] = [
  armOperation(
    'OperationResults_Get',
    { method: 'GET', path: '/subscriptions/:subscription/operationresults/:id' },
    (call, context) => {
      readFinished(call, context)
      return empty(200)
    },
  ),
  armOperation(
    'OperationStatuses_Get',
    { method: 'GET', path: '/subscriptions/:subscription/operationstatuses/:id' },
    (call, context) => {
      const { id, finishedAtMs } = readFinished(call, context)
      const time = new Date(finishedAtMs).toISOString()
      return json(200, {
        id: call.path,
        name: id,
        status: 'Succeeded',
        startTime: time,
        endTime: time,
      })
    },
  ),
]

function readFinished(
  call: Call<{ readonly subscription: string; readonly id: string }>,
  { store }: ArmContext,
) {
  const { subscription, id } = call.params
  const found = store.operations.find(id.toLowerCase())
  if (found && found.subscriptionId === subscription.toLowerCase()) return found
  throw armFault('OperationNotFound', `The operation '${id}' could not be found.`)
}
