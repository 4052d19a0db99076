import { BlockList, isIPv4 } from 'node:net'
import { isObject } from '../base/json.ts'
import type { NetworkAcls } from './model.ts'
import { armFault } from './wire-faults.ts'

const IP_RULE_LIMIT = 1000
const NETWORK_RULE_LIMIT = 200

/** Addresses that are not of the public internet (RFC 1918, RFC 6598, loopback, link-local). */
function createPrivateRanges(): BlockList {
  const list = new BlockList()
  const rows: readonly (readonly [string, number])[] = [
    ['10.0.0.0', 8],
    ['100.64.0.0', 10],
    ['127.0.0.0', 8],
    ['169.254.0.0', 16],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ]
  for (const [address, bits] of rows) list.addSubnet(address, bits)
  return list
}

/**
 * Reads `networkAcls`; absent members get the vendor's defaults.
 *
 * @throws Fault `BadRequest` for private or unreadable addresses and for too many rules
 */
export function readNetworkAcls(value: unknown): NetworkAcls {
  if (!isObject(value)) throw wrong('networkAcls must be an object.')
  return {
    bypass: pick(value['bypass'], ['AzureServices', 'None'], 'bypass'),
    defaultAction: pick(value['defaultAction'], ['Allow', 'Deny'], 'defaultAction'),
    ipRules: readIpRules(value['ipRules']),
    virtualNetworkRules: readNetworkRules(value['virtualNetworkRules']),
  }
}

function pick<Word extends string>(
  value: unknown,
  words: readonly [Word, Word],
  name: string,
): Word {
  if (value === undefined || value === null) return words[0]
  const found = words.find((word) => word.toLowerCase() === String(value).toLowerCase())
  if (found) return found
  throw wrong(`networkAcls.${name} must be ${words.join(' or ')}.`)
}

function readIpRules(value: unknown): NetworkAcls['ipRules'] {
  const rules = readList(value, 'ipRules', IP_RULE_LIMIT)
  const privateRanges = createPrivateRanges()
  return rules.map((rule) => {
    const text = isObject(rule) ? rule['value'] : undefined
    const [, address = '', bits] =
      /^(\d+\.\d+\.\d+\.\d+)(?:\/(\d{1,2}))?$/.exec(String(text ?? '')) ?? []
    if (!isIPv4(address) || Number(bits ?? 32) > 32) {
      throw wrong(
        `networkAcls.ipRules: '${String(text).slice(0, 50)}' is not an IPv4 address or CIDR range.`,
      )
    }
    if (privateRanges.check(address)) {
      throw wrong(
        `networkAcls.ipRules: '${text}' is a private address; only public addresses are allowed. Use a virtual network rule or a private endpoint instead.`,
      )
    }
    return { value: String(text) }
  })
}

function readNetworkRules(value: unknown): NetworkAcls['virtualNetworkRules'] {
  return readList(value, 'virtualNetworkRules', NETWORK_RULE_LIMIT).map((rule) => {
    const id = isObject(rule) ? rule['id'] : undefined
    if (typeof id !== 'string' || !/^\/subscriptions\/.+\/subnets\/[^/]+$/i.test(id)) {
      throw wrong('networkAcls.virtualNetworkRules: id must be the resource id of a subnet.')
    }
    const ignore = isObject(rule) ? rule['ignoreMissingVnetServiceEndpoint'] : undefined
    return typeof ignore === 'boolean' ? { id, ignoreMissingVnetServiceEndpoint: ignore } : { id }
  })
}

function readList(value: unknown, name: string, limit: number): readonly unknown[] {
  if (value === undefined || value === null) return []
  if (!Array.isArray(value)) throw wrong(`networkAcls.${name} must be a list.`)
  if (value.length > limit) throw wrong(`networkAcls.${name} allows at most ${limit} rules.`)
  return value
}

function wrong(message: string): Error {
  return armFault('BadRequest', message)
}
