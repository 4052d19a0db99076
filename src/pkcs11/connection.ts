import { Fault } from '../base/fault.ts'
import type { Sealed } from '../base/sealed.ts'
import { type HsmFaultCode, pinFault } from './answers.ts'
import { CKF, CKR, USER } from './constants.ts'
import { type Cryptoki, ModuleRefusal } from './cryptoki.ts'
import { readUlong } from './layout.ts'

/** Which token, and how it is opened. */
export interface TokenSettings {
  /** The vendor's PKCS#11 library. */
  readonly modulePath: string
  /** The token's label, or its serial number when two have one label. */
  readonly token: string
  readonly pin: Sealed
  /** Sessions at a time, 4 unless told: as many calls run at once. */
  readonly sessions?: number
}

/** What a token says about itself. */
export interface TokenFacts {
  readonly label: string
  readonly serial: string
  readonly manufacturer: string
  readonly model: string
}

interface FoundToken extends TokenFacts {
  readonly slot: bigint
  readonly flags: number
}

/** label 32, manufacturer 32, model 16, serial 16, then flags; larger than CK_TOKEN_INFO anywhere. */
const TOKEN_INFO_BYTES = 256
const FLAGS_AT = 96
const DEFAULT_SESSIONS = 4
/** Who waits for a session at most; beyond that the token is too slow for what is asked of it. */
const WAITING_LIMIT = 1024

/** A token that is logged in to, with its sessions. It ends when the token goes away. */
export class Connection {
  readonly facts: TokenFacts
  /** Mechanism to its flags (CKF). */
  readonly mechanisms: ReadonlyMap<number, number>
  readonly #cryptoki: Cryptoki
  readonly #slot: bigint
  readonly #limit: number
  /** Keeps the login: it ends with the last session. */
  readonly #anchor: bigint
  readonly #idle: bigint[] = []
  readonly #waiting: ((session: bigint) => void)[] = []
  #open = 0

  private constructor(
    cryptoki: Cryptoki,
    found: FoundToken,
    anchor: bigint,
    options: { readonly mechanisms: ReadonlyMap<number, number>; readonly sessions: number },
  ) {
    const { label, serial, manufacturer, model } = found
    this.facts = { label, serial, manufacturer, model }
    this.mechanisms = options.mechanisms
    this.#cryptoki = cryptoki
    this.#slot = found.slot
    this.#anchor = anchor
    this.#limit = options.sessions
  }

  /** @throws Fault `HsmMissing` or `HsmPinWrong`, or what the module answers */
  static async open(cryptoki: Cryptoki, settings: TokenSettings): Promise<Connection> {
    const found = await findToken(cryptoki, settings)
    const mechanisms = await readMechanisms(cryptoki, found.slot)
    const anchor = await openSession(cryptoki, found.slot)
    try {
      await login(cryptoki, anchor, found, settings.pin)
    } catch (error) {
      await cryptoki.answer('C_CloseSession', anchor)
      throw error
    }
    const sessions = settings.sessions ?? DEFAULT_SESSIONS
    return new Connection(cryptoki, found, anchor, { mechanisms, sessions })
  }

  /** Runs `work` with a session of its own; waits while all are in use. */
  async use<T>(work: (session: bigint) => Promise<T>, isFit: (thrown: unknown) => boolean) {
    const session = await this.#take()
    try {
      const result: T = await work(session)
      this.#giveBack(session)
      return result
    } catch (error) {
      if (isFit(error)) this.#giveBack(session)
      else await this.#drop(session)
      throw error
    }
  }

  /** True when the token still answers and the login holds. */
  async isAlive(): Promise<boolean> {
    const cryptoki = this.#cryptoki
    const room = Buffer.alloc(TOKEN_INFO_BYTES)
    const answers = [
      await cryptoki.answer('C_GetSessionInfo', this.#anchor, room),
      await cryptoki.answer('C_GetTokenInfo', this.#slot, room),
    ]
    return answers.every((answer) => answer === CKR.OK)
  }

  /** Closes the sessions that are not in use, and the login's. */
  async close(): Promise<void> {
    for (const session of [...this.#idle.splice(0), this.#anchor]) {
      await this.#cryptoki.answer('C_CloseSession', session)
    }
  }

  async #take(): Promise<bigint> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#open < this.#limit) {
      this.#open += 1
      try {
        return await openSession(this.#cryptoki, this.#slot)
      } catch (error) {
        this.#open -= 1
        // The token has fewer sessions than we would use: wait for one of ours.
        const isFull = error instanceof ModuleRefusal && error.answer === CKR.SESSION_COUNT
        if (!isFull || this.#open === 0) throw error
      }
    }
    if (this.#waiting.length >= WAITING_LIMIT) {
      const text = `The HSM token "${this.facts.label}" has too much to do. Try again later.`
      throw new Fault<HsmFaultCode>('HsmUnavailable', text)
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #giveBack(session: bigint): void {
    const next = this.#waiting.shift()
    if (next) next(session)
    else this.#idle.push(session)
  }

  /** A session in an unknown state is closed; who waits gets a new one. */
  async #drop(session: bigint): Promise<void> {
    await this.#cryptoki.answer('C_CloseSession', session)
    const opened = await openSession(this.#cryptoki, this.#slot).catch(() => undefined)
    // Even a session that cannot be opened is handed on: its user finds out why.
    if (opened !== undefined || this.#waiting.length > 0) this.#giveBack(opened ?? session)
    else this.#open -= 1
  }
}

async function openSession(cryptoki: Cryptoki, slot: bigint): Promise<bigint> {
  const handle = cryptoki.ulong()
  const flags = CKF.serialSession | CKF.rwSession
  await cryptoki.call('C_OpenSession', slot, flags, null, null, handle)
  return cryptoki.readHandle(handle)
}

/** Logs in once. A token that would lock itself at the next mistake is not tried. */
async function login(
  cryptoki: Cryptoki,
  session: bigint,
  { label, flags }: FoundToken,
  pin: Sealed,
): Promise<void> {
  if ((flags & CKF.userPinLocked) !== 0) throw pinFault(label, CKR.PIN_LOCKED)
  if ((flags & CKF.userPinFinalTry) !== 0) {
    const text = `The HSM token "${label}" locks itself at the next wrong PIN, so it is not tried. Log in once with the tools of its vendor, then start anew.`
    throw new Fault<HsmFaultCode>('HsmPinWrong', text)
  }
  const bytes = Buffer.from(pin.open())
  try {
    const answer = await cryptoki.answer('C_Login', session, USER, bytes, bytes.length)
    if (answer === CKR.OK || answer === CKR.USER_ALREADY_LOGGED_IN) return
    if (PIN_ANSWERS.includes(answer)) throw pinFault(label, answer)
    throw new ModuleRefusal('C_Login', answer)
  } finally {
    bytes.fill(0)
  }
}

const PIN_ANSWERS: readonly number[] = [
  CKR.PIN_INCORRECT,
  CKR.PIN_INVALID,
  CKR.PIN_LEN_RANGE,
  CKR.PIN_EXPIRED,
  CKR.PIN_LOCKED,
  CKR.USER_PIN_NOT_INITIALIZED,
]

async function findToken(cryptoki: Cryptoki, settings: TokenSettings): Promise<FoundToken> {
  const tokens = await listTokens(cryptoki)
  const { token, modulePath } = settings
  const named = tokens.filter(({ label, serial }) => label === token || serial === token)
  const [found] = named
  if (found && named.length === 1) return found
  const known = tokens.map(({ label, serial }) => `"${label}" (serial ${serial})`).join(', ')
  throw new Fault<HsmFaultCode>(
    'HsmMissing',
    found
      ? `Several tokens of ${modulePath} are called "${token}": ${known}. Name the serial number of one.`
      : `The module ${modulePath} has no token "${token}"; it has ${known || 'none'}. Insert it, or name another.`,
  )
}

async function listTokens(cryptoki: Cryptoki): Promise<FoundToken[]> {
  const slots = await readList(cryptoki, (room, count) =>
    cryptoki.call('C_GetSlotList', 1, room, count),
  )
  const found: FoundToken[] = []
  for (const slot of slots) {
    const room = Buffer.alloc(TOKEN_INFO_BYTES)
    // A token that was pulled just now is not among those we can choose from.
    if ((await cryptoki.answer('C_GetTokenInfo', slot, room)) !== CKR.OK) continue
    const text = (from: number, to: number) => room.toString('utf8', from, to).trim()
    const flags = readUlong(cryptoki.layout, room, FLAGS_AT)
    if ((flags & CKF.tokenInitialized) === 0) continue
    const [label, manufacturer, model, serial] = [
      text(0, 32),
      text(32, 64),
      text(64, 80),
      text(80, 96),
    ] as const
    found.push({ slot, flags, label, manufacturer, model, serial })
  }
  return found
}

async function readMechanisms(
  cryptoki: Cryptoki,
  slot: bigint,
): Promise<ReadonlyMap<number, number>> {
  const types = await readList(cryptoki, (room, count) =>
    cryptoki.call('C_GetMechanismList', slot, room, count),
  )
  const { ulongBytes } = cryptoki.layout
  const flags = new Map<number, number>()
  for (const type of types) {
    const room = Buffer.alloc(3 * ulongBytes)
    const answer = await cryptoki.answer('C_GetMechanismInfo', slot, type, room)
    if (answer === CKR.OK) flags.set(Number(type), readUlong(cryptoki.layout, room, 2 * ulongBytes))
  }
  return flags
}

/** A list whose length is asked for first. */
async function readList(
  cryptoki: Cryptoki,
  ask: (room: Buffer | null, count: Buffer) => Promise<void>,
): Promise<bigint[]> {
  const count = cryptoki.ulong()
  await ask(null, count)
  const { ulongBytes } = cryptoki.layout
  const room = Buffer.alloc(readUlong(cryptoki.layout, count, 0) * ulongBytes)
  if (room.length === 0) return []
  await ask(room, count)
  const length = readUlong(cryptoki.layout, count, 0)
  return Array.from({ length }, (_none, i) =>
    cryptoki.readHandle(room.subarray(i * ulongBytes, (i + 1) * ulongBytes)),
  )
}
