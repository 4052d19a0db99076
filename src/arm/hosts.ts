import type { Call } from '../http/call.ts'

const PUBLIC_NAMES: Readonly<Record<string, string>> = {
  login: 'login.microsoftonline.com',
  graph: 'graph.microsoft.com',
  vault: 'vault.azure.net',
  managedhsm: 'managedhsm.azure.net',
  portal: 'portal.azure.com',
  gallery: 'gallery.azure.com',
  management: 'management.azure.com',
}

/** True when the client uses the public name of the resource manager. */
export function isPublic(call: Call<unknown>): boolean {
  return ['management.azure.com', 'management.core.windows.net'].includes(call.host)
}

/**
 * The host of another service, seen from the name this client used: `management.azure.com` leads to
 * the public names, `management.x:8443` to `login.x:8443` and its like.
 */
export function siblingHost(call: Call<unknown>, label: string): string {
  const dot = call.host.indexOf('.')
  if (isPublic(call) || dot < 0) return PUBLIC_NAMES[label] ?? label
  return label + call.host.slice(dot)
}

export function siblingOrigin(call: Call<unknown>, label: string): string {
  return `https://${siblingHost(call, label)}`
}
