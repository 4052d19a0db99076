import { type Operation, operation } from '../http/operation.ts'
import { json } from '../http/reply.ts'
import { purgeDeleted } from './container-changes.ts'
import {
  type ContainerKind,
  listDeleted,
  readDeleted,
  toDeletedBody,
  toNameAnswer,
} from './containers.ts'
import { type ArmContext, readBody, toPage } from './context.ts'
import { answerAccepted } from './finished-operations.ts'
import type { StoredResource } from './model.ts'

const armOperation = operation<ArmContext>()
const KV = '/subscriptions/:subscription/providers/Microsoft.KeyVault'

/** How the operations on deleted ones are called and what they need. */
interface DeletedWords {
  readonly group: 'Vaults' | 'ManagedHsms'
  readonly nameCheck: {
    readonly name: string
    readonly segment: string
    readonly permission?: string
  }
  /** Last segment of the type of a deleted one, as permissions spell it. */
  readonly permissionSegment: string
}

/** Deleted ones of a kind (list, read, purge) and whether a name is free. */
export function deletedOperations<Item extends StoredResource>(
  kind: ContainerKind<Item>,
  words: DeletedWords,
): readonly Operation<ArmContext>[] {
  const { deletedSegment } = kind
  const { nameCheck, permissionSegment } = words
  const right = `Microsoft.KeyVault/locations/${permissionSegment}`
  return [
    armOperation(
      `${words.group}_ListDeleted`,
      {
        method: 'GET',
        path: `${KV}/${deletedSegment}`,
        permission: `Microsoft.KeyVault/${permissionSegment}/read`,
      },
      (call, context) => {
        const found = listDeleted(kind, context, call.params.subscription)
        return json(
          200,
          toPage(
            call,
            found.map((item) => toDeletedBody(kind, item)),
          ),
        )
      },
    ),
    armOperation(
      `${words.group}_GetDeleted`,
      {
        method: 'GET',
        path: `${KV}/locations/:location/${deletedSegment}/:name`,
        permission: `${right}/read`,
      },
      (call, context) => json(200, toDeletedBody(kind, readDeleted(kind, context, call.params))),
    ),
    armOperation(
      `${words.group}_PurgeDeleted`,
      {
        method: 'POST',
        path: `${KV}/locations/:location/${deletedSegment}/:name/purge`,
        permission: `${right}/purge/action`,
      },
      async (call, context) => {
        await purgeDeleted(kind, context, call.params)
        return await answerAccepted(call, context)
      },
    ),
    armOperation(
      `${words.group}_${nameCheck.name}`,
      {
        method: 'POST',
        path: `${KV}/${nameCheck.segment}`,
        ...(nameCheck.permission !== undefined && { permission: nameCheck.permission }),
      },
      async (call, context) => {
        const name = String((await readBody(call))['name'] ?? '')
        return json(200, toNameAnswer(kind, context, name))
      },
    ),
  ]
}
