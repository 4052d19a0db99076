import { Fault } from '../base/fault.ts'
import type { VaultFaultCode } from './faults.ts'
import type { DataPlaneResource } from './ports.ts'

/** Limits hold for a window of this length. */
const WINDOW_MS = 10_000

/** A subscription may use five times what one vault may. */
const SUBSCRIPTION_FACTOR = 5

/** Transactions of one vault in ten seconds. */
export interface ThrottleLimits {
  readonly secretSet: number
  /** Everything that is no key work and no setting of a secret. */
  readonly other: number
  readonly keys: {
    readonly software: KeyLimits
    readonly hsm: KeyLimits
  }
}

interface KeyLimits {
  readonly create: number
  /** Elliptic curves, symmetric keys and RSA 2048. */
  readonly use: number
  readonly useRsa3072: number
  readonly useRsa4096: number
}

/** What Azure allows (key-vault.md §13.1). */
export const azureLimits: ThrottleLimits = {
  secretSet: 300,
  other: 4000,
  keys: {
    software: { create: 20, use: 4000, useRsa3072: 1000, useRsa4096: 500 },
    hsm: { create: 10, use: 2000, useRsa3072: 500, useRsa4096: 250 },
  },
}

/** Work is counted against three budgets; within the keys' one, shares of unlike limits add up. */
type Budget = 'keys' | 'other' | 'secretSet'

/** Counts the transactions of each vault and subscription; refused ones do not count. */
export class Throttle {
  readonly #limits: ThrottleLimits
  /** Used shares of the window's budgets: 1 is a vault's whole budget. */
  readonly #used = new Map<string, number>()
  #window = 0

  constructor(limits: ThrottleLimits) {
    this.#limits = limits
  }

  /** Counts a transaction that concerns no key work. @throws Fault `Throttled` */
  take(vault: DataPlaneResource, budget: 'other' | 'secretSet', nowMs: number): void {
    this.#take(vault, budget, 1 / this.#limits[budget], nowMs)
  }

  /** Counts the making or a use of a key. @throws Fault `Throttled` */
  takeKey(
    vault: DataPlaneResource,
    key: { readonly kty: string; readonly bits?: number },
    work: 'create' | 'use',
    nowMs: number,
  ): void {
    const limits = this.#limits.keys[key.kty.endsWith('-HSM') ? 'hsm' : 'software']
    this.#take(
      vault,
      'keys',
      1 / (work === 'create' ? limits.create : useLimit(limits, key)),
      nowMs,
    )
  }

  #take(vault: DataPlaneResource, budget: Budget, share: number, nowMs: number): void {
    const window = Math.floor(nowMs / WINDOW_MS)
    if (window !== this.#window) {
      this.#window = window
      this.#used.clear()
    }
    const ofVault = `${budget}/${vault.dataId}`
    const ofSubscription = `${budget}//${vault.id.split('/')[2] ?? ''}`
    const vaultUsed = (this.#used.get(ofVault) ?? 0) + share
    const subscriptionUsed = (this.#used.get(ofSubscription) ?? 0) + share
    // Shares such as 1/3000 do not add up to 1 exactly.
    const slack = share / 2
    if (vaultUsed > 1 + slack || subscriptionUsed > SUBSCRIPTION_FACTOR + slack) throw throttled()
    this.#used.set(ofVault, vaultUsed)
    this.#used.set(ofSubscription, subscriptionUsed)
  }
}

function useLimit(
  limits: KeyLimits,
  key: { readonly kty: string; readonly bits?: number },
): number {
  const isRsa = key.kty.startsWith('RSA')
  if (isRsa && key.bits === 3072) return limits.useRsa3072
  return isRsa && key.bits === 4096 ? limits.useRsa4096 : limits.use
}

function throttled(): Fault<VaultFaultCode> {
  return new Fault(
    'Throttled',
    'Request was not processed because too many requests were received. Reason: VaultRequestTypeLimitReached',
  )
}

/** Whole seconds until the window ends: the value of `Retry-After`. */
export function retryAfterSeconds(nowMs: number): number {
  return Math.ceil((WINDOW_MS - (nowMs % WINDOW_MS)) / 1000)
}
