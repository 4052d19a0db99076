import { BlockList, isIP } from 'node:net'
import { Fault } from '../../base/fault.ts'
import type { Call } from '../../http/call.ts'
import type { Principal } from '../../http/principal.ts'
import type { VaultFaultCode } from '../faults.ts'
import type { CallerRoutes, DataPlaneResource, NetworkAcls } from '../ports.ts'
import { callerOf, vaultOf } from './caller.ts'

/** Address rules are made ready once for each state of a vault's firewall. */
const listsByAcls = new WeakMap<NetworkAcls, BlockList>()

/**
 * Public access, private endpoints, subnets, addresses, trusted services: any one admits
 * (key-vault.md §18.8). Gives the private endpoint the call came through, if any.
 *
 * @throws Fault `ForbiddenByConnection` or `ForbiddenByFirewall`
 */
export function checkNetwork(
  call: Call,
  principal: Principal,
  vault: DataPlaneResource,
  routes: CallerRoutes | undefined,
): string | undefined {
  const acls = vault.networkAcls
  const isOpen = vault.publicNetworkAccess === 'Enabled'
  const privateEndpoint = routes?.findPrivateEndpoint(call, vault)
  if (privateEndpoint !== undefined) return privateEndpoint
  if (isOpen && (acls === undefined || acls.defaultAction === 'Allow')) return undefined
  if (isOpen && acls && isListed(acls, call.callerAddress, routes)) return undefined
  const bypasses = acls?.bypass?.includes('AzureServices') === true
  if (
    bypasses &&
    vault.publicNetworkAccess !== 'SecuredByPerimeter' &&
    routes?.isTrustedService(principal)
  ) {
    return undefined
  }
  throw isOpen ? byFirewall(call, principal, vault) : byConnection(principal, vault)
}

function isListed(acls: NetworkAcls, address: string, routes: CallerRoutes | undefined): boolean {
  const family = isIP(address)
  if (family !== 0 && listOf(acls).check(address, family === 6 ? 'ipv6' : 'ipv4')) return true
  const subnet = routes?.findSubnet(address)?.toLowerCase()
  if (subnet === undefined) return false
  return acls.virtualNetworkRules?.some(({ id }) => id.toLowerCase() === subnet) === true
}

function listOf(acls: NetworkAcls): BlockList {
  let list = listsByAcls.get(acls)
  if (!list) {
    list = new BlockList()
    for (const { value } of acls.ipRules ?? []) {
      const [address = '', bits] = value.split('/')
      const family = isIP(address)
      if (family === 0) continue
      const longest = family === 6 ? 128 : 32
      const prefix = bits === undefined ? longest : Number(bits)
      if (!(prefix >= 0 && prefix <= longest)) continue
      list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4')
    }
    listsByAcls.set(acls, list)
  }
  return list
}

function byFirewall(
  call: Call,
  principal: Principal,
  vault: DataPlaneResource,
): Fault<VaultFaultCode> {
  return new Fault(
    'ForbiddenByFirewall',
    `Client address is not authorized and caller is not a trusted service.\r\nClient address: ${call.callerAddress}\r\nCaller: ${callerOf(principal)}\r\nVault: ${vaultOf(vault)}`,
  )
}

function byConnection(principal: Principal, vault: DataPlaneResource): Fault<VaultFaultCode> {
  return new Fault(
    'ForbiddenByConnection',
    `Public network access is disabled and request is not from a trusted service nor via an approved private link.\r\nCaller: ${callerOf(principal)}\r\nVault: ${vaultOf(vault)}`,
  )
}
