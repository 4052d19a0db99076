import { Fault } from '../base/fault.ts'
import { CKR, nameOfAnswer } from './constants.ts'
import { ModuleRefusal } from './cryptoki.ts'

/** What is refused for a token's sake; consumers spell these for the wire. */
export type HsmFaultCode =
  /** No such module, or no such token in it. */
  | 'HsmMissing'
  /** The PIN is wrong or locked; it is never tried again by this process. */
  | 'HsmPinWrong'
  /** The token is away, or fails: try later. */
  | 'HsmUnavailable'
  /** The token does not do this. */
  | 'HsmCannot'
  /** The bytes given are no text, signature or wrapped key for this key. */
  | 'HsmInputWrong'

/** What an answer means for the caller. `session`: begin anew and try once more. */
export type Meaning = 'session' | 'handle' | 'gone' | 'cannot' | 'input' | 'unclear'

const MEANINGS: Readonly<Record<Exclude<Meaning, 'unclear'>, readonly number[]>> = {
  session: [
    CKR.SESSION_CLOSED,
    CKR.SESSION_HANDLE_INVALID,
    CKR.USER_NOT_LOGGED_IN,
    CKR.CRYPTOKI_NOT_INITIALIZED,
    CKR.SLOT_ID_INVALID,
    CKR.OPERATION_ACTIVE,
  ],
  handle: [CKR.KEY_HANDLE_INVALID, CKR.OBJECT_HANDLE_INVALID],
  gone: [
    CKR.DEVICE_ERROR,
    CKR.DEVICE_REMOVED,
    CKR.TOKEN_NOT_PRESENT,
    CKR.TOKEN_NOT_RECOGNIZED,
    CKR.HOST_MEMORY,
    CKR.DEVICE_MEMORY,
  ],
  cannot: [
    CKR.ATTRIBUTE_READ_ONLY,
    CKR.ATTRIBUTE_SENSITIVE,
    CKR.ATTRIBUTE_TYPE_INVALID,
    CKR.ATTRIBUTE_VALUE_INVALID,
    CKR.ACTION_PROHIBITED,
    CKR.ARGUMENTS_BAD,
    CKR.FUNCTION_NOT_SUPPORTED,
    CKR.KEY_SIZE_RANGE,
    CKR.KEY_TYPE_INCONSISTENT,
    CKR.KEY_FUNCTION_NOT_PERMITTED,
    CKR.KEY_NOT_WRAPPABLE,
    CKR.KEY_UNEXTRACTABLE,
    CKR.MECHANISM_INVALID,
    CKR.MECHANISM_PARAM_INVALID,
    CKR.CURVE_NOT_SUPPORTED,
    CKR.DOMAIN_PARAMS_INVALID,
    CKR.TEMPLATE_INCOMPLETE,
    CKR.TEMPLATE_INCONSISTENT,
    CKR.TOKEN_WRITE_PROTECTED,
  ],
  input: [
    CKR.DATA_INVALID,
    CKR.DATA_LEN_RANGE,
    CKR.ENCRYPTED_DATA_INVALID,
    CKR.ENCRYPTED_DATA_LEN_RANGE,
    CKR.SIGNATURE_INVALID,
    CKR.SIGNATURE_LEN_RANGE,
    CKR.WRAPPED_KEY_INVALID,
    CKR.WRAPPED_KEY_LEN_RANGE,
  ],
}

/** Modules answer `CKR_GENERAL_ERROR` for wrong input and for a dead device alike: `unclear`. */
export function meaningOf(thrown: unknown): Meaning {
  if (!(thrown instanceof ModuleRefusal)) return 'unclear'
  for (const [meaning, answers] of Object.entries(MEANINGS)) {
    if (answers.includes(thrown.answer)) return meaning as Meaning
  }
  return 'unclear'
}

/** The token is away or fails; `detail` is for the log. */
export function unavailable(label: string, reason: string): Fault<HsmFaultCode> {
  return new Fault(
    'HsmUnavailable',
    `The HSM token "${label}" cannot be used now: ${reason}. What needs its keys waits until it is back; nothing was changed.`,
  )
}

/** @param label of the token that does not do what was asked */
export function cannot(label: string, what: string): Fault<HsmFaultCode> {
  return new Fault('HsmCannot', `The HSM token "${label}" cannot do this: ${what}.`)
}

/** Turns a refusal whose meaning is known into the fault a caller sees; other errors stay. */
export function toFault(label: string, thrown: unknown, meaning: Meaning): unknown {
  if (!(thrown instanceof ModuleRefusal)) return thrown
  if (meaning === 'cannot') return cannot(label, thrown.message)
  if (meaning === 'input') return new Fault<HsmFaultCode>('HsmInputWrong', thrown.message)
  return unavailable(label, thrown.message)
}

/** Why a login failed, as one text. */
export function pinFault(label: string, answer: number): Fault<HsmFaultCode> {
  const isLocked = answer === CKR.PIN_LOCKED
  const reason = isLocked
    ? 'its PIN is locked. Unlock it with the tools of its vendor'
    : `it refuses the PIN (${nameOfAnswer(answer)}). It is not tried again, because tokens lock themselves: correct the PIN file and start anew`
  return new Fault('HsmPinWrong', `The HSM token "${label}" is not opened: ${reason}.`)
}
