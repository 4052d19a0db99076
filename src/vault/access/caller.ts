import type { Principal } from '../../http/principal.ts'
import type { DataPlaneResource } from '../ports.ts'

/** The caller as refusals name it. */
export function callerOf(principal: Principal): string {
  return `appid=${principal.appId ?? ''};oid=${principal.objectId};iss=${principal.issuer}`
}

/** The vault as refusals name it. */
export function vaultOf(vault: DataPlaneResource): string {
  return `${vault.name};location=${vault.location}`
}
