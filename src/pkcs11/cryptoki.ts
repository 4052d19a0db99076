import { promisify } from 'node:util'
import { Fault } from '../base/fault.ts'
import { CKF, CKR, nameOfAnswer } from './constants.ts'
import { type Layout, type Member, type Packed, pack, ulongBytes } from './layout.ts'

/** A module's answer other than CKR_OK. It carries no data of the call. */
export class ModuleRefusal extends Error {
  readonly answer: number

  constructor(call: string, answer: number) {
    super(`${call} answered ${nameOfAnswer(answer)}`)
    this.name = 'ModuleRefusal'
    this.answer = answer
  }
}

/** What a call takes: CK_ULONG, CK_BBOOL or a pointer. */
type Slot = 'ulong' | 'uchar' | 'void *'
type Argument = number | bigint | Buffer | null

const U = 'ulong'
const P = 'void *'

/** Place in CK_FUNCTION_LIST and parameters of the calls we make (PKCS#11 v2.40, `pkcs11f.h`). */
const CALLS = {
  C_Initialize: [0, [P]],
  C_Finalize: [1, [P]],
  C_GetSlotList: [4, ['uchar', P, P]],
  C_GetTokenInfo: [6, [U, P]],
  C_GetMechanismList: [7, [U, P, P]],
  C_GetMechanismInfo: [8, [U, U, P]],
  C_OpenSession: [12, [U, U, P, P, P]],
  C_CloseSession: [13, [U]],
  C_GetSessionInfo: [15, [U, P]],
  C_Login: [18, [U, U, P, U]],
  C_CreateObject: [20, [U, P, U, P]],
  C_DestroyObject: [22, [U, U]],
  C_GetAttributeValue: [24, [U, U, P, U]],
  C_FindObjectsInit: [26, [U, P, U]],
  C_FindObjects: [27, [U, P, U, P]],
  C_FindObjectsFinal: [28, [U]],
  C_EncryptInit: [29, [U, P, U]],
  C_Encrypt: [30, [U, P, U, P, P]],
  C_DecryptInit: [33, [U, P, U]],
  C_Decrypt: [34, [U, P, U, P, P]],
  C_SignInit: [42, [U, P, U]],
  C_Sign: [43, [U, P, U, P, P]],
  C_VerifyInit: [48, [U, P, U]],
  C_Verify: [49, [U, P, U, P, U]],
  C_GenerateKey: [58, [U, P, P, U, P]],
  C_GenerateKeyPair: [59, [U, P, P, U, P, U, P, P]],
  C_WrapKey: [60, [U, P, U, U, P, P]],
  C_UnwrapKey: [61, [U, P, U, P, U, P, U, P]],
  C_GenerateRandom: [64, [U, P, U]],
} as const satisfies Record<string, readonly [number, readonly Slot[]]>

export type CallName = keyof typeof CALLS

const LAST_CALL = 64
const POINTER_BYTES = 8

type Native = (...args: readonly Argument[]) => Promise<number | bigint>

/**
 * A PKCS#11 module in this process. Every call runs on another thread, so none holds the event loop;
 * buffers given to a call are kept until it ends.
 */
export class Cryptoki {
  readonly layout: Layout
  readonly addressOf: (bytes: Buffer) => bigint
  readonly #natives: ReadonlyMap<CallName, Native>
  #isOurs = false

  private constructor(
    layout: Layout,
    addressOf: (bytes: Buffer) => bigint,
    natives: ReadonlyMap<CallName, Native>,
  ) {
    this.layout = layout
    this.addressOf = addressOf
    this.#natives = natives
  }

  /** Loads the library at `path`; nothing is initialised yet. @throws Fault `HsmMissing` */
  static async load(path: string): Promise<Cryptoki> {
    // Loaded here and not above: only who configured a token pays for it at start.
    const { default: koffi } = await import('koffi')
    const layout: Layout = {
      ulongBytes: koffi.sizeof('ulong') === 4 ? 4 : 8,
      isPacked: process.platform === 'win32',
    }
    const list = Buffer.alloc(POINTER_BYTES)
    let library: object
    try {
      // Deep: a module that brings OpenSSL must not find Node's, which is another version.
      const loaded = koffi.load(path, { deep: true })
      library = loaded
      const answer = Number(loaded.func('C_GetFunctionList', U, [P])(list))
      if (answer !== CKR.OK) throw new ModuleRefusal('C_GetFunctionList', answer)
    } catch (error) {
      throw new Fault(
        'HsmMissing',
        `The PKCS#11 module ${path} cannot be loaded (${(error as Error).message}). Name the library of the token's vendor.`,
      )
    }
    // CK_VERSION has two bytes; the pointers behind it are aligned unless packed.
    const first = layout.isPacked ? 2 : POINTER_BYTES
    const bytes = first + (LAST_CALL + 1) * POINTER_BYTES
    const table = Buffer.from(koffi.view(list.readBigUInt64LE(), bytes))
    const natives = new Map<CallName, Native>()
    for (const [name, [place, slots]] of Object.entries(CALLS)) {
      const at = table.readBigUInt64LE(first + place * POINTER_BYTES)
      const native = koffi.decode(at, koffi.proto(U, [...slots]))
      natives.set(name as CallName, holding(library, promisify(native.async) as Native))
    }
    return new Cryptoki(layout, (buffer) => koffi.address(buffer), natives)
  }

  /** Calls and gives the answer as it is. */
  async answer(name: CallName, ...args: readonly Argument[]): Promise<number> {
    const native = this.#natives.get(name)
    if (!native) throw new Error(`${name} is not in the table of calls.`)
    return Number(await native(...args))
  }

  /** Calls. @throws ModuleRefusal for every answer but CKR_OK */
  async call(name: CallName, ...args: readonly Argument[]): Promise<void> {
    const answer = await this.answer(name, ...args)
    if (answer !== CKR.OK) throw new ModuleRefusal(name, answer)
  }

  /** Makes the module ready for calls from several threads; one that is ready already is left so. */
  async initialize(): Promise<void> {
    const none = { at: undefined }
    const { bytes } = pack(this.layout, this.addressOf, [
      ...[none, none, none, none],
      CKF.osLockingOk,
      none,
    ])
    const answer = await this.answer('C_Initialize', bytes)
    if (answer === CKR.CRYPTOKI_ALREADY_INITIALIZED) return
    if (answer !== CKR.OK) throw new ModuleRefusal('C_Initialize', answer)
    this.#isOurs = true
  }

  /** Undoes `initialize`, unless somebody else in this process had done it. */
  async finalize(): Promise<void> {
    if (!this.#isOurs) return
    this.#isOurs = false
    await this.answer('C_Finalize', null)
  }

  /** Room for one CK_ULONG. */
  ulong(value = 0): Buffer {
    return ulongBytes(this.layout, value)
  }

  /** A handle or an id: all of its bits. */
  readHandle(bytes: Buffer): bigint {
    return this.layout.ulongBytes === 4 ? BigInt(bytes.readUInt32LE()) : bytes.readBigUInt64LE()
  }

  /** A CK_MECHANISM. */
  mechanism({ type, parameters }: Mechanism): Packed {
    const { layout, addressOf } = this
    const inner = Array.isArray(parameters) ? pack(layout, addressOf, parameters) : undefined
    const given = inner?.bytes ?? (parameters as Buffer | undefined)
    const outer = pack(layout, addressOf, [type, { at: given }, given?.length ?? 0])
    return { bytes: outer.bytes, holds: [...outer.holds, ...(inner?.holds ?? [])] }
  }
}

/** A library that is collected is unloaded below its functions, so that each call holds it. */
function holding(library: object, native: Native): Native {
  const held = new WeakMap<object, true>()
  return async (...args) => {
    const answer = await native(...args)
    held.set(library, true)
    return answer
  }
}

/** A mechanism with its parameter: bytes as they are, or a structure's members. */
export interface Mechanism {
  readonly type: number
  readonly parameters?: Buffer | readonly Member[]
}
