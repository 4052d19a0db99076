import { isSince } from '../api-versions.ts'
import type { VaultCall } from '../context.ts'
import { toAttributes } from '../objects/attributes.ts'
import type { VersionFacts } from '../objects/version.ts'

/** Key Vault's `SecretBundle`; without `value` where the operation shows none. */
export function toSecretBundle(call: VaultCall, secret: VersionFacts, value?: string): object {
  const bundle: Record<string, unknown> = {}
  if (value !== undefined) bundle['value'] = value
  const contentType = secret.details?.['contentType']
  if (contentType !== undefined) bundle['contentType'] = contentType
  bundle['id'] = `${call.uri}/secrets/${secret.name}/${secret.version}`
  bundle['attributes'] = toAttributes(call, secret)
  if (secret.tags !== undefined) bundle['tags'] = secret.tags
  if (secret.managed) {
    bundle['kid'] = `${call.uri}/keys/${secret.name}/${secret.version}`
    bundle['managed'] = true
    const previous = secret.details?.['previousVersion']
    if (previous !== undefined && isSince(call.apiVersion, '2025-07-01')) {
      bundle['previousVersion'] = previous
    }
  }
  return bundle
}

/** `SecretItem`: no value; the id names the version only in a list of versions. */
export function toSecretItem(
  call: VaultCall,
  secret: VersionFacts,
  of: 'secrets' | 'versions',
): object {
  const item: Record<string, unknown> = {}
  const contentType = secret.details?.['contentType']
  if (contentType !== undefined) item['contentType'] = contentType
  const id = `${call.uri}/secrets/${secret.name}`
  item['id'] = of === 'versions' ? `${id}/${secret.version}` : id
  item['attributes'] = toAttributes(call, secret)
  if (secret.tags !== undefined) item['tags'] = secret.tags
  if (secret.managed) item['managed'] = true
  return item
}
