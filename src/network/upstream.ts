import { Sealed } from '../base/sealed.ts'

/** The proxy that this machine itself must use to reach the world. */
export interface Upstream {
  readonly host: string
  readonly port: number
  /** The value of `Proxy-Authorization`. */
  readonly authorization?: Sealed
  /** Hosts, `.suffixes` and `*` that are reached without it, lower case. */
  readonly notFor: readonly string[]
}

/**
 * The proxy that the variables of the surroundings name (`HTTPS_PROXY`, else `HTTP_PROXY` or
 * `ALL_PROXY`); undefined when they name none, or none that is spoken to in plain http.
 */
export function findUpstream(
  environment: Readonly<Record<string, string | undefined>>,
): Upstream | undefined {
  const read = (name: string) => environment[name.toLowerCase()] || environment[name] || undefined
  const text = read('HTTPS_PROXY') ?? read('HTTP_PROXY') ?? read('ALL_PROXY')
  if (text === undefined) return undefined
  const url = URL.parse(text.includes('://') ? text : `http://${text}`)
  if (url?.protocol !== 'http:' || url.hostname === '') return undefined
  const notFor = (read('NO_PROXY') ?? '').split(/[,\s]+/).filter(Boolean)
  return {
    host: url.hostname.replaceAll(/[[\]]/g, ''),
    port: Number(url.port || 80),
    notFor: notFor.map((name) => name.toLowerCase()),
    ...(url.username !== '' && { authorization: new Sealed(basic(url)) }),
  }
}

function basic({ username, password }: URL): string {
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/** True when `host` (lower case) is reached through the upstream proxy. */
export function isReachedThrough({ notFor }: Upstream, host: string): boolean {
  return !notFor.some((name) => {
    const suffix = name.replace(/^\*?\./, '')
    return name === '*' || host === suffix || host.endsWith(`.${suffix}`)
  })
}
