import type { VaultStore } from './context.ts'
import type { Kind } from './faults.ts'
import { toSeconds } from './objects/attributes.ts'
import type { EventWrite, VaultEvent, VaultResource } from './ports.ts'

/** What happens to objects, in the words of the event types (key-vault.md §15.1). */
export type Moment = 'NewVersionCreated' | 'NearExpiry' | 'Expired'

const PREFIX = 'Microsoft.KeyVault.'

/** `Secret`, `Key` or `Certificate`: how events and the audit log call a kind. */
export const objectTypes = {
  secrets: 'Secret',
  keys: 'Key',
  certificates: 'Certificate',
} as const satisfies Record<Kind, string>

/** What an event tells of the vault. */
export type EventSource = Pick<VaultResource, 'id' | 'name'>

/** What an event tells of a version. */
export interface EventVersion {
  /** As first written. */
  readonly name: string
  readonly version: string
  readonly notBeforeMs: number | undefined
  readonly expiresAtMs: number | undefined
}

const VAULT_ID = /\/providers\/Microsoft\.KeyVault\/vaults\//i

/** True for vaults; managed HSM pools publish no events. */
export function publishesEvents({ id }: EventSource): boolean {
  return VAULT_ID.test(id)
}

/** The public name of a vault or an object: what happens by the clock has no request that names a host. */
export function publicId(source: EventSource, path = ''): string {
  const suffix = publishesEvents(source) ? 'vault.azure.net' : 'managedhsm.azure.net'
  return `https://${source.name.toLowerCase()}.${suffix}/${path}`
}

/** What happened to a version of an object. */
export function objectEvent(
  vault: EventSource,
  kind: Kind,
  happened: { readonly moment: Moment; readonly version: EventVersion; readonly nowMs: number },
): VaultEvent {
  const { name, version, notBeforeMs, expiresAtMs } = happened.version
  return {
    topic: vault.id,
    type: `${PREFIX}${objectTypes[kind]}${happened.moment}`,
    subject: name,
    timeMs: happened.nowMs,
    data: {
      Id: publicId(vault, `${kind}/${name}/${version}`),
      VaultName: vault.name,
      ObjectType: objectTypes[kind],
      ObjectName: name,
      Version: version,
      NBF: notBeforeMs === undefined ? null : toSeconds(notBeforeMs),
      EXP: expiresAtMs === undefined ? null : toSeconds(expiresAtMs),
    },
  }
}

/** That access policies or the permission model of a vault changed; what it says of objects is empty (U8). */
export function policiesEvent(vault: EventSource, nowMs: number): VaultEvent {
  return {
    topic: vault.id,
    type: `${PREFIX}VaultAccessPolicyChanged`,
    subject: vault.name,
    timeMs: nowMs,
    data: {
      Id: publicId(vault),
      VaultName: vault.name,
      ObjectType: null,
      ObjectName: null,
      Version: null,
      NBF: null,
      EXP: null,
    },
  }
}

/** Tells of a version in the write that makes it, whatever made it. */
export async function announceVersion(
  tx: EventWrite,
  call: {
    readonly store: Pick<VaultStore, 'events'>
    readonly vault: EventSource
    readonly nowMs: number
  },
  kind: Kind,
  version: EventVersion,
): Promise<void> {
  const { store, vault, nowMs } = call
  if (!publishesEvents(vault)) return
  const moment = 'NewVersionCreated'
  await store.events.record(tx, objectEvent(vault, kind, { moment, version, nowMs }))
}
