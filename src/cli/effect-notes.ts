import type { JsonObject } from '../base/json.ts'
import type { RunningServer } from './running-server.ts'

/**
 * Says which role assignments a realistic server does not judge by yet, and for how long: az's shape
 * has no room for it. One line each, for stderr; empty when all have taken effect.
 */
export function roleNotes(
  assignments: readonly JsonObject[],
  running: RunningServer | undefined,
  nowMs: number,
): string {
  const delayMs = (running?.realism?.roleDelaySeconds ?? 0) * 1000
  return assignments
    .map((one) => {
      const leftMs = Date.parse(String(one['updatedOn'])) + delayMs - nowMs
      if (!(delayMs > 0 && leftMs > 0)) return ''
      const role = one['roleDefinitionName'] || String(one['roleDefinitionId']).split('/').at(-1)
      const principal = one['principalName'] || one['principalId']
      return `Effective in ${toWords(leftMs)}: ${role} for ${principal} at ${one['scope']}.\n`
    })
    .join('')
}

/** Says when a realistic server judges by access policies that were just changed; else empty. */
export function policyNote(running: RunningServer | undefined): string {
  const seconds = running?.realism?.policyDelaySeconds ?? 0
  return seconds > 0 ? `Effective in ${toWords(seconds * 1000)}.\n` : ''
}

/** `4 min 58 s`, rounded up. */
function toWords(ms: number): string {
  const seconds = Math.ceil(ms / 1000)
  const [minutes, rest] = [Math.floor(seconds / 60), seconds % 60]
  const words = [...(minutes > 0 ? [`${minutes} min`] : []), ...(rest > 0 ? [`${rest} s`] : [])]
  return words.join(' ')
}
