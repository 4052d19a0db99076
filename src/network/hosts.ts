/** The parts of Sluice that a host name can lead to. */
export type Service =
  | 'identity'
  | 'attestation'
  | 'arm'
  | 'graph'
  | 'vault'
  | 'managedHsm'
  | 'monitor'
  | 'events'
  | 'devops'
  | 'front'

export interface FoundService {
  readonly service: Service
  /** What stands before the suffix: the vault's name, the organisation's, a region's. */
  readonly label?: string
  /** The name without label: `vault.azure.net`, `login.microsoftonline.com`. */
  readonly suffix: string
  /** Lower case, without port and without a final dot. */
  readonly host: string
  /** As the client wrote it, 443 when it wrote none. */
  readonly port: number
}

interface HostRow {
  readonly suffix: string
  readonly service: Service
  /** `none`: the name itself; `one`: exactly one label before it; `any`: the name and all below. */
  readonly labels: 'none' | 'one' | 'any'
}

function row(suffix: string, service: Service, labels: HostRow['labels'] = 'none'): HostRow {
  return { suffix, service, labels }
}

/** Azure's names and our own; a name is looked up by its longest suffix here. */
const HOSTS: readonly HostRow[] = [
  row('login.microsoftonline.com', 'identity', 'any'),
  row('login.windows.net', 'identity'),
  row('login.microsoft.com', 'identity'),
  row('sts.windows.net', 'identity'),
  row('management.azure.com', 'arm'),
  row('management.core.windows.net', 'arm'),
  row('graph.microsoft.com', 'graph'),
  row('graph.windows.net', 'graph'),
  row('vault.azure.net', 'vault', 'one'),
  row('vault.azure.cn', 'vault', 'one'),
  row('vault.usgovcloudapi.net', 'vault', 'one'),
  row('managedhsm.azure.net', 'managedHsm', 'one'),
  row('managedhsm.azure.cn', 'managedHsm', 'one'),
  row('managedhsm.usgovcloudapi.net', 'managedHsm', 'one'),
  // Real attestation services have a region as well: name.region.attest.azure.net. Those stay real.
  row('attest.azure.net', 'attestation', 'one'),
  row('api.loganalytics.io', 'monitor'),
  row('api.loganalytics.azure.com', 'monitor'),
  row('eventgrid.azure.net', 'events', 'any'),
  row('dev.azure.com', 'devops'),
  row('vssps.dev.azure.com', 'devops'),
  row('visualstudio.com', 'devops', 'any'),
  row('login.sluice.localhost', 'identity'),
  row('attest.sluice.localhost', 'attestation', 'any'),
  row('management.sluice.localhost', 'arm'),
  row('graph.sluice.localhost', 'graph'),
  row('vault.sluice.localhost', 'vault', 'one'),
  row('managedhsm.sluice.localhost', 'managedHsm', 'one'),
  row('monitor.sluice.localhost', 'monitor'),
  row('dev.sluice.localhost', 'devops'),
  row('sluice.localhost', 'front'),
  row('localhost', 'front'),
  row('127.0.0.1', 'front'),
  row('::1', 'front'),
]

const ROWS = new Map(HOSTS.map((host) => [host.suffix, host]))

/** Labels as in RFC 1123, plus the underscore that real names have. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*$/

/** The suffixes our local authority may sign for: each with everything below it. */
export const servedSuffixes: readonly string[] = [
  ...HOSTS.map((host) => host.suffix).filter((suffix) => /[a-z]/.test(suffix)),
].filter((suffix, _, all) => !all.some((other) => suffix.endsWith(`.${other}`)))

/**
 * Which service a Host header, a TLS server name or the target of a CONNECT means; undefined for
 * a host that is none of ours or is no host at all.
 */
export function findService(hostHeader: string): FoundService | undefined {
  const parsed = parseHost(hostHeader)
  if (parsed === undefined) return undefined
  const { host, port } = parsed
  const exact = ROWS.get(host)
  if (exact) return exact.labels === 'one' ? undefined : found(exact, host, port)
  if (!HOST_NAME.test(host)) return undefined
  for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
    const candidate = ROWS.get(host.slice(dot + 1))
    if (candidate === undefined) continue
    const label = host.slice(0, dot)
    const fits = candidate.labels === 'any' || (candidate.labels === 'one' && !label.includes('.'))
    return fits ? found(candidate, host, port, label) : undefined
  }
  return undefined
}

function found(
  { service, suffix }: HostRow,
  host: string,
  port: number,
  label?: string,
): FoundService {
  return { service, suffix, host, port, ...(label !== undefined && { label }) }
}

/** `host`, `host:port`, `[::1]`, `[::1]:port`. */
function parseHost(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:[\]\s/@]+))\.?(?::(\d{1,5}))?$/i.exec(text)
  if (match === null) return undefined
  const [, address, name = '', digits] = match
  const port = digits === undefined ? 443 : Number(digits)
  if (port < 1 || port > 65_535) return undefined
  return { host: (address ?? name.replace(/\.$/, '')).toLowerCase(), port }
}

/**
 * Lines for the system's hosts file that lead Azure's fixed names, our own, and those of vaults and
 * managed HSMs to `address`. A hosts file knows no wildcards: each vault needs its line.
 */
export function hostsFileLines(
  names: { readonly vaults: readonly string[]; readonly hsms: readonly string[] },
  address: string,
): string[] {
  const fixed = HOSTS.filter(({ labels, service }) => labels !== 'one' && service !== 'front')
  const below = (label: string) => (name: string) => [
    `${name}.${label}.azure.net`,
    `${name}.${label}.sluice.localhost`,
  ]
  const own = [...names.vaults.flatMap(below('vault')), ...names.hsms.flatMap(below('managedhsm'))]
  return [...fixed.map(({ suffix }) => suffix), ...own].map((name) => `${address} ${name}`)
}
