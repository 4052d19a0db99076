import type { DataPlaneResource } from '../ports.ts'

/** The login host of each cloud's vault suffix (integration.md, endpoint environments). */
const LOGIN_HOSTS: Readonly<Record<string, string>> = {
  'vault.azure.net': 'login.microsoftonline.com',
  'vaultcore.azure.net': 'login.microsoftonline.com',
  'privatelink.vaultcore.azure.net': 'login.microsoftonline.com',
  'vault.azure.cn': 'login.chinacloudapi.cn',
  'vault.usgovcloudapi.net': 'login.microsoftonline.us',
  'managedhsm.azure.net': 'login.microsoftonline.com',
  'managedhsm.azure.cn': 'login.chinacloudapi.cn',
  'managedhsm.usgovcloudapi.net': 'login.microsoftonline.us',
}

/** First-party application id of Key Vault, an audience some clients ask for. */
const KEY_VAULT_APP_ID = 'cfa8b339-82a2-471a-a3c9-0fc0be7a4093'

/** The audiences of each kind of resource: the clouds' own first, and ours on any port. */
const AUDIENCES: Readonly<
  Record<DataPlaneResource['kind'], { readonly known: readonly string[]; readonly ours: RegExp }>
> = {
  vault: {
    known: [
      'https://vault.azure.net',
      'https://vault.azure.cn',
      'https://vault.usgovcloudapi.net',
      KEY_VAULT_APP_ID,
    ],
    ours: /^https:\/\/vault\.sluice\.localhost(:\d{1,5})?$/,
  },
  managedHsm: {
    known: [
      'https://managedhsm.azure.net',
      'https://managedhsm.azure.cn',
      'https://managedhsm.usgovcloudapi.net',
    ],
    ours: /^https:\/\/managedhsm\.sluice\.localhost(:\d{1,5})?$/,
  },
}

/**
 * The value of `WWW-Authenticate`, the same on every 401. `suffix` is what follows the vault's label
 * in the host, with the port if it is not 443. Order and form matter to clients (key-vault.md §3.2).
 */
export function challengeOf(tenantId: string, suffix: string): string {
  return `Bearer authorization="https://${loginHostOf(suffix)}/${tenantId}", resource="${resourceOf(suffix)}"`
}

/** The resource a caller of this suffix asks tokens for. */
export function resourceOf(suffix: string): string {
  return suffix.endsWith('vaultcore.azure.net') ? 'https://vault.azure.net' : `https://${suffix}`
}

/** `vault.D:P` belongs to `login.D:P`; a suffix of another form to our own login on its port. */
function loginHostOf(suffix: string): string {
  const known = LOGIN_HOSTS[suffix]
  if (known) return known
  const domain = /^(?:vault|managedhsm)\.(.+)$/.exec(suffix)?.[1]
  if (domain !== undefined) return `login.${domain}`
  const port = /:\d+$/.exec(suffix)?.[0] ?? ''
  return `login.sluice.localhost${port}`
}

/** True when a token with this `aud` is meant for a resource of this kind that is called by `suffix`. */
export function isAudienceOf(
  kind: DataPlaneResource['kind'],
  audience: string,
  suffix: string,
): boolean {
  const { known, ours } = AUDIENCES[kind]
  if (audience === known[0]) return true
  const plain = audience.endsWith('/') ? audience.slice(0, -1) : audience
  return (
    known.includes(plain) ||
    ours.test(plain) ||
    plain === resourceOf(suffix) ||
    plain === resourceOf(suffix.replace(/:\d+$/, ''))
  )
}
