import { mkdirSync } from 'node:fs'
import path from 'node:path'
import tls from 'node:tls'
import { Fault } from '../base/fault.ts'
import { findFile, replaceFile } from './files.ts'

export type Shell = 'bash' | 'pwsh' | 'cmd' | 'fish'

export type Variables = Readonly<Record<string, string>>

/** Where distributions keep the roots they trust, as one PEM file. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

const NOT_PROXIED = ['localhost', '127.0.0.1', '::1']

/**
 * The variables that lead unchanged programs to us: through the proxy, trusting our authority.
 * What `inherited` already says is kept where a variable can hold both (hosts that are not
 * proxied, Java's options). Empty lists are never produced.
 */
export function clientEnvironment(to: {
  readonly proxyPort: number
  /** Our authority alone: for programs that add it to what they trust. */
  readonly caFile: string
  /** System roots and our authority: for programs that trust only what they are told. */
  readonly bundleFile: string
  /** A PKCS#12 or JKS store for Java, password `changeit`; Java is left alone without one. */
  readonly trustStoreFile?: string
  readonly inherited?: Readonly<Record<string, string | undefined>>
}): Variables {
  const inherited = to.inherited ?? {}
  const proxy = `http://127.0.0.1:${to.proxyPort}`
  const notProxied = [inherited['NO_PROXY'] ?? inherited['no_proxy'] ?? '', ...NOT_PROXIED]
    .flatMap((list) => list.split(','))
    .filter((name, at, all) => name !== '' && all.indexOf(name) === at)
    .join(',')
  const extra = inherited['NODE_EXTRA_CA_CERTS']
  return {
    // curl and Python read HTTP_PROXY in lower case only; Go, .NET and Node read either.
    HTTPS_PROXY: proxy,
    https_proxy: proxy,
    HTTP_PROXY: proxy,
    http_proxy: proxy,
    NO_PROXY: notProxied,
    no_proxy: notProxied,
    NODE_USE_ENV_PROXY: '1',
    // The bundle holds the certificates that were to be added before us (`writeBundle`).
    NODE_EXTRA_CA_CERTS: extra === undefined || extra === to.caFile ? to.caFile : to.bundleFile,
    SSL_CERT_FILE: to.bundleFile,
    REQUESTS_CA_BUNDLE: to.bundleFile,
    CURL_CA_BUNDLE: to.bundleFile,
    GIT_SSL_CAINFO: to.bundleFile,
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
    ...(to.trustStoreFile !== undefined && {
      JAVA_TOOL_OPTIONS: javaOptions(to.proxyPort, to.trustStoreFile, inherited),
    }),
  }
}

function javaOptions(
  proxyPort: number,
  trustStoreFile: string,
  inherited: Readonly<Record<string, string | undefined>>,
): string {
  const ours = [
    '-Dhttps.proxyHost=127.0.0.1',
    `-Dhttps.proxyPort=${proxyPort}`,
    '-Dhttp.proxyHost=127.0.0.1',
    `-Dhttp.proxyPort=${proxyPort}`,
    `-Dhttp.nonProxyHosts=localhost|127.*|[::1]`,
    // azure-core takes HTTPS_PROXY only together with this.
    '-Djava.net.useSystemProxies=true',
    `-Djavax.net.ssl.trustStore=${trustStoreFile}`,
    '-Djavax.net.ssl.trustStorePassword=changeit',
  ].map((option) => (/[\s|]/.test(option) ? `"${option}"` : option))
  const before = inherited['JAVA_TOOL_OPTIONS'] ?? ''
  return [...(before === '' ? [] : [before]), ...ours].join(' ')
}

/**
 * Writes `<data>/ca/bundle.pem`: the roots this machine trusts, what `inherited` adds to them, and
 * our authority. Gives back its path.
 */
export function writeBundle(
  dataFolder: string,
  caPem: string,
  inherited: Readonly<Record<string, string | undefined>> = process.env,
): string {
  const folder = path.join(dataFolder, 'ca')
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const file = path.join(folder, 'bundle.pem')
  const added = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS'].flatMap((name) => {
    const other = inherited[name]
    const isOurs = other === undefined || path.resolve(other).startsWith(path.resolve(folder))
    return isOurs ? [] : [findFile(other) ?? '']
  })
  const bundle = joinCertificates([systemRoots(), ...added, caPem])
  if (findFile(file) !== bundle) replaceFile(file, bundle, 0o644)
  return file
}

/** The distribution's file; where there is none (Windows, macOS), what the system and Node trust. */
function systemRoots(): string {
  for (const place of SYSTEM_BUNDLES) {
    const text = findFile(place)
    if (text?.includes('BEGIN CERTIFICATE')) return text
  }
  return [...tls.getCACertificates('system'), ...tls.rootCertificates].join('\n')
}

/** Certificates alone, each once: comments of bundles are left out. */
function joinCertificates(texts: readonly string[]): string {
  const pattern = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
  const all = texts.flatMap((text) => text.match(pattern) ?? [])
  return `${[...new Set(all.map((pem) => pem.replaceAll('\r', '')))].join('\n')}\n`
}

/**
 * Statements that set the variables in a shell, one a line.
 *
 * @throws Fault `VariableNotPrintable` for a value that the shell's syntax cannot carry
 */
export function formatEnvironment(variables: Variables, shell: Shell): string {
  const lines = Object.entries(variables).map(([name, value]) => {
    if (/[\r\n\0]/.test(value))
      throw new Fault('VariableNotPrintable', `The value of ${name} has more than one line.`)
    return FORMS[shell](name, value)
  })
  return `${lines.join('\n')}\n`
}

const FORMS: Readonly<Record<Shell, (name: string, value: string) => string>> = {
  bash: (name, value) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`,
  fish: (name, value) => `set -gx ${name} '${value.replaceAll(/['\\]/g, '\\$&')}'`,
  // PowerShell takes typographic quotes for quotes too.
  pwsh: (name, value) => `$env:${name} = '${value.replaceAll(/['\u2018-\u201b]/g, '$&$&')}'`,
  cmd: (name, value) => `set "${name}=${value.replaceAll('%', '%%')}"`,
}
