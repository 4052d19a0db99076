import type { Sealed } from '../../base/sealed.ts'
import type { HttpPort, HttpReply } from '../contract.ts'
import { codeOf, textOf } from '../faults.ts'

/** Waits; the signal ends it with the signal's reason. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** What sending needs of a task's context. */
export interface Sender {
  readonly http: HttpPort
  readonly signal: AbortSignal
  readonly pause: Pause
  /** An issue without text that carries a code. */
  error(message: string, code: string): void
}

/** A request that may be sent more than once. */
export interface Request {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Sealed | string
}

const NETWORK_CODES = new Set([
  'ETIMEDOUT',
  'ECONNRESET',
  'ENOTFOUND',
  'ESOCKETTIMEDOUT',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'EPIPE',
  'EA_AGAIN',
])
const STATUSES: readonly number[] = [408, 409, 500, 502, 503, 504]

const WAITS_MS = [2_000, 6_000, 14_000, 30_000]
const ROUNDS = 5
const ROUND_WAIT_MS = 2_000

/**
 * Sends up to five times while the network or the server fails, 2, 6, 14 and 30 s apart
 * (facts/integration.md §1.7), and gives the last reply. 429 is not tried again.
 *
 * @throws Error of the network when the last try had no reply
 */
export async function send(
  sender: Sender,
  request: Request,
  moreStatuses: readonly number[] = [],
): Promise<HttpReply> {
  const retried = new Set([...STATUSES, ...moreStatuses])
  for (const waitMs of WAITS_MS) {
    const reply = await sendOnce(sender, request).catch((error: unknown) => {
      if (!NETWORK_CODES.has(codeOf(error))) throw error
    })
    if (reply && !retried.has(reply.status)) return reply
    await sender.pause(waitMs, sender.signal)
  }
  return await sendOnce(sender, request).catch((error: unknown) => {
    if (NETWORK_CODES.has(codeOf(error))) sender.error('', codeOf(error))
    throw error
  })
}

/** As `send`, in up to five rounds two seconds apart: a dead vault takes 25 requests. */
export async function sendInRounds(sender: Sender, request: Request): Promise<HttpReply> {
  for (let round = 1; round < ROUNDS; round++) {
    const reply = await send(sender, request).catch((error: unknown) => {
      if (!isWorthAnotherRound(error)) throw error
    })
    if (reply && !STATUSES.includes(reply.status)) return reply
    await sender.pause(ROUND_WAIT_MS, sender.signal)
  }
  return await send(sender, request)
}

function isWorthAnotherRound(error: unknown): boolean {
  const code = codeOf(error)
  if (NETWORK_CODES.has(code) || code === 'EAI_AGAIN') return true
  return /^(?:Request timeout: |getaddrinfo )/.test(textOf(error))
}

function sendOnce(sender: Sender, request: Request): Promise<HttpReply> {
  sender.signal.throwIfAborted()
  const { method, url, headers, body } = request
  return sender.http.request(method, url, headers, body, sender.signal)
}
