import { operation } from '../../http/operation.ts'
import type { Principal } from '../../http/principal.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import type { Role } from '../organisation/members-store.ts'
import type { Requester } from '../runs/queue.ts'

/** What an operation of this room works on. */
export interface DevopsContext {
  readonly devops: Devops
  /** Undefined only where anyone may call. */
  readonly caller: Principal | undefined
  readonly role: Role | undefined
  /** The organisation's address as the caller wrote it, without a slash at its end. */
  readonly origin: string
}

/** Who may call an operation; every other caller needs to be a member. */
export const permissions = {
  anyone: 'anyone',
  member: 'member',
  administrator: 'administrator',
} as const

/** Makes operations of this room. */
export const devopsOperation = operation<DevopsContext>()

/** The caller, for what is written down. */
export function requesterOf({ caller, role }: DevopsContext): Requester {
  if (!caller) throw new Error('An operation for members was opened without a caller.')
  return {
    id: caller.objectId,
    name: caller.name ?? caller.objectId,
    isAdministrator: role === 'administrator',
  }
}

/** @throws Fault `AccessDenied` when the caller is neither administrator nor `ownerId` */
export function requireOwner(context: DevopsContext, ownerId: string, what: string): void {
  const requester = requesterOf(context)
  if (requester.isAdministrator || requester.id === ownerId) return
  throw fault(
    'AccessDenied',
    `You do not have permissions to perform this operation on ${what}: ${requester.name} is neither its owner nor an administrator.`,
  )
}
