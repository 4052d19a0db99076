import { isSince } from '../api-versions.ts'
import type { VaultCall } from '../context.ts'
import { toAttributes } from '../objects/attributes.ts'
import type { VersionFacts } from '../objects/version.ts'
import { detailsOf } from './key.ts'

/** The id of a version: what answers call `kid`. */
export function kidOf(call: VaultCall, key: VersionFacts): string {
  return `${call.uri}/keys/${key.name}/${key.version}`
}

/** Key Vault's `KeyBundle`: the public part only. */
export function toKeyBundle(call: VaultCall, key: VersionFacts): object {
  const {
    bits: _bits,
    exportable: _exportable,
    protection: _protection,
    release_policy,
    key_ops,
    kty,
    ...numbers
  } = detailsOf(key)
  return {
    key: { kid: kidOf(call, key), kty, key_ops, ...numbers },
    attributes: keyAttributes(call, key),
    ...(key.tags !== undefined && { tags: key.tags }),
    ...(key.managed && { managed: true }),
    ...(release_policy && { release_policy }),
  }
}

/** `KeyItem`: its id is called `kid` too, and names the version only in a list of versions. */
export function toKeyItem(call: VaultCall, key: VersionFacts, of: 'keys' | 'versions'): object {
  return {
    kid: of === 'versions' ? kidOf(call, key) : `${call.uri}/keys/${key.name}`,
    attributes: keyAttributes(call, key),
    ...(key.tags !== undefined && { tags: key.tags }),
    ...(key.managed && { managed: true }),
  }
}

/**
 * `hsmPlatform` tells where the key is (key-vault.md §7.2): 1, an HSM, for a key in a token; 0, a software
 * module, for every other, also of an HSM type.
 */
function keyAttributes(call: VaultCall, key: VersionFacts): object {
  const { exportable, release_policy, protection } = detailsOf(key)
  // Keys that can be released say so in every version that has release.
  const attributes = {
    ...toAttributes(call, key),
    ...(release_policy && { exportable }),
  }
  if (!isSince(call.apiVersion, '7.5-preview.1')) return attributes
  const hsmPlatform = protection === 'token' ? '1' : '0'
  return { ...attributes, exportable: exportable === true, hsmPlatform }
}
