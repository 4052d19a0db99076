import { isIP } from 'node:net'
import {
  findBoolean,
  findNumber,
  findString,
  isObject,
  type JsonObject,
  readArray,
  readObject,
  readString,
} from '../../base/json.ts'
import { propertyWrong } from '../faults.ts'
import { type KeySpec, readKeySpec } from '../keys/material.ts'
import { orPropertyWrong } from '../objects/attributes.ts'
import { subjectToDer } from './subject.ts'
import { type AlternativeNames, type Holder, keyUsages } from './x509.ts'

export const PFX_TYPE = 'application/x-pkcs12'
export const PEM_TYPE = 'application/x-pem-file'

/** `Self` signs itself, `Unknown` waits for a merge; other names are issuers of the vault. */
export const SELF = 'Self'
export const UNKNOWN = 'Unknown'

export interface LifetimeAction {
  readonly trigger: { readonly lifetime_percentage?: number; readonly days_before_expiry?: number }
  readonly action: { readonly action_type: 'EmailContacts' | 'AutoRenew' }
}

/** A certificate's policy in Key Vault's words (key-vault.md §10.2), with all defaults filled in. */
export interface CertificatePolicy {
  readonly key_props: {
    readonly exportable: boolean
    readonly kty: string
    readonly key_size?: number
    readonly reuse_key: boolean
    readonly crv?: string
  }
  readonly secret_props: { readonly contentType: string }
  readonly x509_props: {
    readonly subject: string
    readonly sans?: AlternativeNames
    readonly ekus: readonly string[]
    readonly key_usage: readonly string[]
    readonly validity_months: number
    readonly basic_constraints: { readonly ca: boolean }
  }
  readonly lifetime_actions: readonly LifetimeAction[]
  readonly issuer: {
    readonly name: string
    readonly cty?: string
    readonly cert_transparency?: boolean
  }
  readonly attributes: {
    readonly enabled: boolean
    readonly created: number
    readonly updated: number
  }
}

const SAN_KINDS = ['emails', 'dns_names', 'upns', 'uris', 'ipAddresses'] as const
const DEFAULT_EKUS = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']
const DEFAULT_USAGE = ['digitalSignature', 'keyEncipherment']

/**
 * A policy from a body over the one that was there: members not named stay, or get their defaults.
 *
 * @throws Fault `PropertyWrong`
 */
export function readPolicy(
  body: JsonObject,
  before: CertificatePolicy | undefined,
  nowS: number,
): CertificatePolicy {
  return orPropertyWrong('policy', () => {
    const issuer = readIssuer(member(body, 'issuer'), before)
    const x509 = readX509(member(body, 'x509_props'), before)
    return {
      key_props: readKeyProps(member(body, 'key_props'), before),
      secret_props: readSecretProps(member(body, 'secret_props'), before),
      x509_props: x509,
      lifetime_actions:
        readActions(body['lifetime_actions'], x509.validity_months) ??
        before?.lifetime_actions ??
        defaultActions(issuer.name),
      issuer,
      attributes: {
        enabled: true,
        created: before?.attributes.created ?? nowS,
        updated: nowS,
      },
    }
  })
}

function member(body: JsonObject, name: string): JsonObject {
  const value = body[name]
  return value === undefined || value === null ? {} : readObject(value, name)
}

function readIssuer(
  given: JsonObject,
  before: CertificatePolicy | undefined,
): CertificatePolicy['issuer'] {
  const name = findString(given['name'], 'issuer.name') ?? before?.issuer.name ?? UNKNOWN
  const cty = findString(given['cty'], 'issuer.cty') ?? before?.issuer.cty
  const transparency =
    findBoolean(given['cert_transparency'], 'cert_transparency') ?? before?.issuer.cert_transparency
  return {
    name: reservedName(name),
    ...(cty !== undefined && { cty }),
    ...(transparency !== undefined && { cert_transparency: transparency }),
  }
}

function reservedName(name: string): string {
  return [SELF, UNKNOWN].find((known) => known.toLowerCase() === name.toLowerCase()) ?? name
}

function readKeyProps(
  given: JsonObject,
  before: CertificatePolicy | undefined,
): CertificatePolicy['key_props'] {
  const old = before?.key_props
  const crv = findString(given['crv'], 'crv')
  const kty = findString(given['kty'], 'kty') ?? (crv ? 'EC' : (old?.kty ?? 'RSA'))
  const isEc = kty.startsWith('EC')
  const wasEc = old?.kty.startsWith('EC') === true
  const size = findNumber(given['key_size'], 'key_size') ?? (wasEc ? undefined : old?.key_size)
  const curve = crv ?? curveOfSize(size) ?? (wasEc ? old?.crv : undefined) ?? 'P-256'
  const isHsm = kty.endsWith('-HSM')
  const props = {
    exportable: findBoolean(given['exportable'], 'exportable') ?? old?.exportable ?? !isHsm,
    kty,
    ...(isEc ? { crv: curve } : { key_size: size ?? 2048 }),
    reuse_key: findBoolean(given['reuse_key'], 'reuse_key') ?? old?.reuse_key ?? false,
  }
  if (!isEc && !kty.startsWith('RSA')) throw propertyWrong('kty')
  if (props.exportable && isHsm) throw propertyWrong('exportable: not for an HSM type')
  readKeySpec(props)
  return props
}

function curveOfSize(size: number | undefined): string | undefined {
  return { 256: 'P-256', 384: 'P-384', 521: 'P-521' }[size ?? 0]
}

function readSecretProps(
  given: JsonObject,
  before: CertificatePolicy | undefined,
): CertificatePolicy['secret_props'] {
  const contentType =
    findString(given['contentType'], 'contentType') ?? before?.secret_props.contentType ?? PFX_TYPE
  if (contentType !== PFX_TYPE && contentType !== PEM_TYPE) throw propertyWrong('contentType')
  return { contentType }
}

function readX509(
  given: JsonObject,
  before: CertificatePolicy | undefined,
): CertificatePolicy['x509_props'] {
  const old = before?.x509_props
  const sans = isObject(given['sans']) ? readSans(given['sans']) : old?.sans
  const subject = findString(given['subject'], 'subject') ?? old?.subject ?? ''
  subjectToDer(subject)
  if (subject === '' && !sans) throw propertyWrong('subject and sans are missing')
  const usage = findStrings(given['key_usage'], 'key_usage') ?? old?.key_usage ?? DEFAULT_USAGE
  if (!usage.every((name) => keyUsages.some((known) => known === name))) {
    throw propertyWrong('key_usage')
  }
  const ekus = findStrings(given['ekus'], 'ekus') ?? old?.ekus ?? DEFAULT_EKUS
  if (!ekus.every((id) => /^[0-2](\.\d{1,9})+$/.test(id))) throw propertyWrong('ekus')
  const months = findNumber(given['validity_months'], 'validity_months') ?? old?.validity_months
  if (months !== undefined && !(Number.isInteger(months) && months >= 0 && months <= 1200)) {
    throw propertyWrong('validity_months')
  }
  const constraints = member(given, 'basic_constraints')
  return {
    subject,
    ...(sans && { sans }),
    ekus,
    key_usage: usage,
    validity_months: months ?? 12,
    basic_constraints: {
      ca: findBoolean(constraints['ca'], 'ca') ?? old?.basic_constraints.ca ?? false,
    },
  }
}

function readSans(given: JsonObject): AlternativeNames {
  const found: Record<string, readonly string[]> = {}
  for (const kind of SAN_KINDS) {
    const names = findStrings(given[kind], kind)
    if (names) found[kind] = names
  }
  if ((found['ipAddresses'] ?? []).some((address) => isIP(address) === 0)) {
    throw propertyWrong('ipAddresses')
  }
  return found
}

function findStrings(value: unknown, name: string): readonly string[] | undefined {
  if (value === undefined || value === null) return undefined
  return readArray(value, name).map((item) => readString(item, name))
}

function readActions(value: unknown, months: number): readonly LifetimeAction[] | undefined {
  if (value === undefined || value === null) return undefined
  return readArray(value, 'lifetime_actions').map((item) => {
    const trigger = member(readObject(item, 'lifetime_actions'), 'trigger')
    const type = member(readObject(item, 'lifetime_actions'), 'action')['action_type']
    const percentage = findNumber(trigger['lifetime_percentage'], 'lifetime_percentage')
    const days = findNumber(trigger['days_before_expiry'], 'days_before_expiry')
    if ((percentage === undefined) === (days === undefined)) throw propertyWrong('trigger')
    if (percentage !== undefined && !(percentage >= 1 && percentage <= 99)) {
      throw propertyWrong('lifetime_percentage')
    }
    if (days !== undefined && !(days >= 1 && days <= months * 27)) {
      throw propertyWrong('days_before_expiry')
    }
    if (type !== 'EmailContacts' && type !== 'AutoRenew') throw propertyWrong('action_type')
    return {
      trigger:
        percentage === undefined
          ? { days_before_expiry: days ?? 0 }
          : { lifetime_percentage: percentage },
      action: { action_type: type },
    }
  })
}

/** True for the issuers that a vault asks by itself: `Self` and those of its list. */
function isAsked(issuer: string): boolean {
  return issuer !== UNKNOWN
}

/** 80 %: renewed when somebody may be asked, else the contacts are told (§10.3). */
function defaultActions(issuer: string): readonly LifetimeAction[] {
  const action_type = isAsked(issuer) ? 'AutoRenew' : 'EmailContacts'
  return [{ trigger: { lifetime_percentage: 80 }, action: { action_type } }]
}

/** The key a policy asks for. */
export function keySpecOf(policy: CertificatePolicy): KeySpec {
  return readKeySpec(policy.key_props)
}

export function holderOf({ x509_props }: CertificatePolicy): Holder {
  return {
    subject: x509_props.subject,
    names: x509_props.sans ?? {},
    ekus: x509_props.ekus,
    keyUsage: x509_props.key_usage,
    isAuthority: x509_props.basic_constraints.ca,
  }
}

/** `key_ops` of the backing key (§10.8), in the order keys show them. */
export function keyOpsOf(policy: CertificatePolicy): readonly string[] {
  const uses: Readonly<Record<string, readonly string[]>> = {
    digitalSignature: ['sign', 'verify'],
    keyEncipherment: ['wrapKey', 'unwrapKey'],
    dataEncipherment: ['encrypt', 'decrypt'],
    encipherOnly: ['encrypt'],
    decipherOnly: ['decrypt'],
    nonRepudiation: ['sign', 'verify'],
    keyCertSign: ['sign', 'verify'],
    cRLSign: ['sign', 'verify'],
  }
  const held = new Set(policy.x509_props.key_usage.flatMap((usage) => uses[usage] ?? []))
  const all = ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey']
  return all.filter((use) => held.has(use))
}

const DAY_MS = 86_400_000

/** When a version is renewed without being asked; undefined: never. */
export function renewalTimeOf(
  policy: CertificatePolicy,
  validity: { readonly notBeforeMs: number; readonly expiresAtMs: number },
): number | undefined {
  // A certificate of less than a day would be renewed by every sweep.
  const lifeMs = validity.expiresAtMs - validity.notBeforeMs
  if (!isAsked(policy.issuer.name) || lifeMs < DAY_MS) return undefined
  return actionTimeOf(policy, 'AutoRenew', validity)
}

/** When a lifetime action of a version is due; undefined: the policy has none. */
export function actionTimeOf(
  policy: CertificatePolicy,
  type: LifetimeAction['action']['action_type'],
  validity: { readonly notBeforeMs: number; readonly expiresAtMs: number },
): number | undefined {
  const found = policy.lifetime_actions.find(({ action }) => action.action_type === type)
  if (!found) return undefined
  const lifeMs = validity.expiresAtMs - validity.notBeforeMs
  const { lifetime_percentage, days_before_expiry } = found.trigger
  if (days_before_expiry !== undefined) return validity.expiresAtMs - days_before_expiry * DAY_MS
  return validity.notBeforeMs + Math.floor((lifeMs * (lifetime_percentage ?? 80)) / 100)
}
