import type { IncomingHttpHeaders } from 'node:http'

const OVERRIDE_HEADERS = ['x-http-method', 'x-http-method-override', 'x-http-request'] as const
const OVERRIDES = new Set(['GET', 'PUT', 'PATCH', 'DELETE', 'POST'])

/** The method a client without PATCH or DELETE means by its POST (key-vault.md §1.3). */
export function meantMethod(method: string, headers: IncomingHttpHeaders): string {
  if (method !== 'POST') return method
  for (const name of OVERRIDE_HEADERS) {
    const meant = headers[name]?.toString().toUpperCase()
    if (meant && OVERRIDES.has(meant)) return meant
  }
  return method
}

/**
 * The one form of the paths that clients send (key-vault.md §1.4): an encoded slash is a slash,
 * doubled slashes (an empty version) are one, and the end has none.
 */
export function plainPath(path: string): string {
  if (!/%|\/\/|.\/$/.test(path)) return path
  const slashed = path.replace(/%2f/gi, '/').replace(/\/{2,}/g, '/')
  const trimmed = slashed.length > 1 && slashed.endsWith('/') ? slashed.slice(0, -1) : slashed
  return isDecodable(trimmed) ? trimmed : trimmed.replaceAll('%', '%25')
}

function isDecodable(path: string): boolean {
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
