import type { TokenFacts, TokenSettings } from './connection.ts'
import { CKA, CKF, CKK, CKM, CKO, CKR } from './constants.ts'
import { type CallName, type Mechanism, ModuleRefusal } from './cryptoki.ts'
import { readUlong } from './layout.ts'
import { packTemplate, readAttributes, type Template, template } from './template.ts'
import { TokenLife, type Work } from './token.ts'

/** An object of the token: its class (CKO) and its CKA_ID. */
export interface ObjectRef {
  readonly class: number
  readonly id: Buffer
}

/** Generating RSA keys takes an HSM up to minutes. */
const GENERATE_LIMIT_MS = 600_000
/** Larger than any signature, and than what encryption adds. */
const ROOM_BYTES = 1024
const HANDLES_LIMIT = 10_000

/**
 * A PKCS#11 token that is logged in to. Safe to share: calls take a session each, wait when all are in
 * use, and run beside the event loop. Every method throws Fault `HsmUnavailable` when the token is away,
 * and `HsmCannot` for what it does not do.
 */
export class HsmToken {
  /** What callers found out that it does not do although it lists it, so as not to ask again. */
  readonly lacks = new Set<string>()
  readonly #life: TokenLife
  #handles = new Map<string, bigint>()
  #epoch = 0

  private constructor(life: TokenLife) {
    this.#life = life
  }

  /** @throws Fault `HsmMissing`, `HsmPinWrong` or `HsmUnavailable` */
  static async open(settings: TokenSettings): Promise<HsmToken> {
    return new HsmToken(await TokenLife.open(settings))
  }

  get facts(): TokenFacts {
    return this.#life.facts
  }

  /** True when the token says that it has the mechanism (CKM) for that use (CKF). */
  can(mechanism: number, use: keyof typeof CKF): boolean {
    return ((this.#life.mechanisms.get(mechanism) ?? 0) & CKF[use]) !== 0
  }

  /** Ends every session; calls are refused from now on. */
  close(): Promise<void> {
    return this.#life.close()
  }

  /** Makes a pair; gives the public key's attributes `read`, and keeps the private key alone. */
  generatePair(
    mechanism: Mechanism,
    templates: { readonly public: Template; readonly private: Template },
    read: readonly number[],
  ): Promise<(Buffer | undefined)[]> {
    const make = async ({ cryptoki, session }: Work) => {
      const [asked, shown, hidden] = [
        cryptoki.mechanism(mechanism),
        packTemplate(cryptoki, templates.public),
        packTemplate(cryptoki, templates.private),
      ]
      const [publicKey, privateKey] = [cryptoki.ulong(), cryptoki.ulong()]
      await cryptoki.call(
        'C_GenerateKeyPair',
        session,
        asked.bytes,
        ...[shown.bytes, templates.public.size, hidden.bytes, templates.private.size],
        ...[publicKey, privateKey],
      )
      keep(asked, shown, hidden)
      const handle = cryptoki.readHandle(publicKey)
      const values = await readAttributes(cryptoki, session, handle, read)
      await cryptoki.answer('C_DestroyObject', session, handle)
      return values
    }
    return this.#life.run(make, { limitMs: GENERATE_LIMIT_MS })
  }

  /** Makes a symmetric key. */
  generateKey(mechanism: Mechanism, made: Template): Promise<void> {
    const make = async ({ cryptoki, session }: Work) => {
      const [asked, packed] = [cryptoki.mechanism(mechanism), packTemplate(cryptoki, made)]
      const given = [asked.bytes, packed.bytes, made.size] as const
      await cryptoki.call('C_GenerateKey', session, ...given, cryptoki.ulong())
      keep(asked, packed)
    }
    return this.#life.run(make, { limitMs: GENERATE_LIMIT_MS })
  }

  /** Puts a key into the token. */
  createObject(made: Template): Promise<void> {
    return this.#life.run(async (work) => {
      await createObject(work, made)
    })
  }

  /** Destroys every object with that id; gives how many there were. */
  destroy(id: Buffer): Promise<number> {
    return this.#life.run(async (work) => {
      const found = await findObjects(work, template({ id, token: true }))
      for (const handle of found) {
        await work.cryptoki.call('C_DestroyObject', work.session, handle)
      }
      this.#handles.clear()
      return found.length
    })
  }

  /** True when the token has the object. */
  async has(ref: ObjectRef): Promise<boolean> {
    const asked = template({ class: ref.class, id: ref.id, token: true })
    const found = await this.#life.run((work) => findObjects(work, asked))
    return found.length > 0
  }

  /** Attributes (CKA) of an object; undefined: the token does not tell, or has none. */
  read(ref: ObjectRef, types: readonly number[]): Promise<(Buffer | undefined)[]> {
    return this.#with(ref, (work, handle) =>
      readAttributes(work.cryptoki, work.session, handle, types),
    )
  }

  sign(ref: ObjectRef, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    return this.#crypt(ref, mechanism, { calls: ['C_SignInit', 'C_Sign'], data })
  }

  /** False for a signature that does not fit. */
  verify(
    ref: ObjectRef,
    mechanism: Mechanism,
    given: { readonly data: Buffer; readonly signature: Buffer },
  ): Promise<boolean> {
    const { data, signature } = given
    return this.#with(ref, async ({ cryptoki, session }, handle) => {
      const asked = cryptoki.mechanism(mechanism)
      await cryptoki.call('C_VerifyInit', session, asked.bytes, handle)
      keep(asked)
      const parts = [data, data.length, signature, signature.length] as const
      const answer = await cryptoki.answer('C_Verify', session, ...parts)
      if (answer === CKR.SIGNATURE_INVALID || answer === CKR.SIGNATURE_LEN_RANGE) return false
      if (answer !== CKR.OK) throw new ModuleRefusal('C_Verify', answer)
      return true
    })
  }

  encrypt(ref: ObjectRef, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    return this.#crypt(ref, mechanism, { calls: ['C_EncryptInit', 'C_Encrypt'], data })
  }

  /** @throws Fault `HsmInputWrong` too, when `data` is no text of this key */
  decrypt(ref: ObjectRef, mechanism: Mechanism, data: Buffer): Promise<Buffer> {
    const calls = ['C_DecryptInit', 'C_Decrypt'] as const
    return this.#crypt(ref, mechanism, { calls, data, judgesInput: true })
  }

  /** Wraps bytes: they are a key of one session for that time. */
  wrap(ref: ObjectRef, mechanism: Mechanism, bytes: Buffer): Promise<Buffer> {
    return this.#with(ref, async (work, handle) => {
      const { cryptoki, session } = work
      const made = template({ ...SESSION_KEY, value: bytes })
      const wrapped = await createObject(work, made)
      try {
        const asked = cryptoki.mechanism(mechanism)
        const room = Buffer.alloc(bytes.length + ROOM_BYTES)
        const length = cryptoki.ulong(room.length)
        const keys = [handle, wrapped] as const
        await cryptoki.call('C_WrapKey', session, asked.bytes, ...keys, room, length)
        keep(asked)
        return taken(room, readUlong(cryptoki.layout, length, 0))
      } finally {
        await cryptoki.answer('C_DestroyObject', session, wrapped)
      }
    })
  }

  /** Undoes `wrap`. @throws Fault `HsmInputWrong` too, when the integrity check fails */
  async unwrap(ref: ObjectRef, mechanism: Mechanism, wrapped: Buffer): Promise<Buffer> {
    const value = await this.#unwrapOnce(ref, mechanism, wrapped)
    const zeros = mechanism.type === CKM.aesKeyWrapPad ? trailingZeros(value, 7) : 0
    // Some modules leave RFC 5649's padding on. Wrapping is deterministic: what gives the same is it.
    for (let cut = zeros; cut > 0; cut -= 1) {
      const shorter = value.subarray(0, value.length - cut)
      if (wrapped.equals(await this.wrap(ref, mechanism, shorter))) return shorter
    }
    return value
  }

  #unwrapOnce(ref: ObjectRef, mechanism: Mechanism, wrapped: Buffer): Promise<Buffer> {
    const work = async ({ cryptoki, session }: Work, handle: bigint) => {
      const [asked, made] = [cryptoki.mechanism(mechanism), template(SESSION_KEY)]
      const packed = packTemplate(cryptoki, made)
      const room = cryptoki.ulong()
      const given = [wrapped, wrapped.length, packed.bytes, made.size, room] as const
      await cryptoki.call('C_UnwrapKey', session, asked.bytes, handle, ...given)
      keep(asked, packed)
      const key = cryptoki.readHandle(room)
      try {
        const [value] = await readAttributes(cryptoki, session, key, [CKA.value])
        if (!value) throw new ModuleRefusal('C_GetAttributeValue', CKR.ATTRIBUTE_SENSITIVE)
        return value
      } finally {
        await cryptoki.answer('C_DestroyObject', session, key)
      }
    }
    return this.#with(ref, work, true)
  }

  /** Bytes of the token's own generator. */
  random(count: number): Promise<Buffer> {
    return this.#life.run(async ({ cryptoki, session }) => {
      const room = Buffer.alloc(count)
      await cryptoki.call('C_GenerateRandom', session, room, count)
      return room
    })
  }

  #crypt(
    ref: ObjectRef,
    mechanism: Mechanism,
    asked: {
      readonly calls: readonly [CallName, CallName]
      readonly data: Buffer
      readonly judgesInput?: boolean
    },
  ): Promise<Buffer> {
    const { calls, data } = asked
    const [begin, end] = calls
    const work = async ({ cryptoki, session }: Work, handle: bigint) => {
      const packed = cryptoki.mechanism(mechanism)
      await cryptoki.call(begin, session, packed.bytes, handle)
      keep(packed)
      const room = Buffer.alloc(data.length + ROOM_BYTES)
      const length = cryptoki.ulong(room.length)
      // A null pointer for no bytes is what some modules take for a mistake.
      const input = data.length > 0 ? data : Buffer.alloc(1)
      await cryptoki.call(end, session, input, data.length, room, length)
      return taken(room, readUlong(cryptoki.layout, length, 0))
    }
    return this.#with(ref, work, asked.judgesInput)
  }

  /** Runs `work` with the object's handle, which is looked up once. */
  #with<T>(
    ref: ObjectRef,
    work: (given: Work, handle: bigint) => Promise<T>,
    judgesInput = false,
  ): Promise<T> {
    const run = async (given: Work) => work(given, await this.#handleOf(given, ref))
    return this.#life.run(run, { judgesInput })
  }

  async #handleOf(work: Work, ref: ObjectRef): Promise<bigint> {
    if (this.#epoch !== this.#life.epoch || this.#handles.size > HANDLES_LIMIT) {
      this.#epoch = this.#life.epoch
      this.#handles = new Map()
    }
    const handles = this.#handles
    const name = `${ref.class}:${ref.id.toString('hex')}`
    const known = handles.get(name)
    if (known !== undefined) return known
    const asked = template({ class: ref.class, id: ref.id, token: true })
    const [found] = await findObjects(work, asked)
    if (found === undefined) throw new ModuleRefusal('C_FindObjects', CKR.KEY_HANDLE_INVALID)
    handles.set(name, found)
    return found
  }
}

/** Key material that passes through: it is there for one call, in one session. */
const SESSION_KEY = {
  class: CKO.secretKey,
  keyType: CKK.genericSecret,
  token: false,
  private: true,
  sensitive: false,
  extractable: true,
}

async function createObject({ cryptoki, session }: Work, made: Template): Promise<bigint> {
  const packed = packTemplate(cryptoki, made)
  const handle = cryptoki.ulong()
  await cryptoki.call('C_CreateObject', session, packed.bytes, made.size, handle)
  keep(packed)
  return cryptoki.readHandle(handle)
}

async function findObjects({ cryptoki, session }: Work, asked: Template): Promise<bigint[]> {
  const packed = packTemplate(cryptoki, asked)
  await cryptoki.call('C_FindObjectsInit', session, packed.bytes, asked.size)
  keep(packed)
  try {
    const room = Buffer.alloc(FOUND_AT_ONCE * cryptoki.layout.ulongBytes)
    const count = cryptoki.ulong()
    await cryptoki.call('C_FindObjects', session, room, FOUND_AT_ONCE, count)
    const { ulongBytes } = cryptoki.layout
    return Array.from({ length: readUlong(cryptoki.layout, count, 0) }, (_none, i) =>
      cryptoki.readHandle(room.subarray(i * ulongBytes, (i + 1) * ulongBytes)),
    )
  } finally {
    await cryptoki.answer('C_FindObjectsFinal', session)
  }
}

/** Objects of one id: a key, and its public half where a token keeps it. */
const FOUND_AT_ONCE = 8

function trailingZeros(bytes: Buffer, most: number): number {
  let count = 0
  while (count < most && count < bytes.length - 1 && bytes.at(-1 - count) === 0) count += 1
  return count
}

/** The first bytes of a room, whose own are wiped: they may have been a plain text. */
function taken(room: Buffer, length: number): Buffer {
  const result = Buffer.from(room.subarray(0, length))
  room.fill(0)
  return result
}

/** Holds what a call pointed to until it has ended. */
function keep(..._held: readonly unknown[]): void {}
