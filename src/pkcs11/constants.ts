/** Names and numbers of PKCS#11 v2.40 (OASIS, `pkcs11t.h`) that this room uses. */

export const CKF = {
  rwSession: 0x2,
  serialSession: 0x4,
  osLockingOk: 0x2,
  tokenInitialized: 0x400,
  userPinFinalTry: 0x20000,
  userPinLocked: 0x40000,
  encrypt: 0x100,
  decrypt: 0x200,
  sign: 0x800,
  verify: 0x2000,
  generate: 0x8000,
  generateKeyPair: 0x10000,
  wrap: 0x20000,
  unwrap: 0x40000,
} as const

/** CKU_USER. */
export const USER = 1

export const CKO = { publicKey: 2, privateKey: 3, secretKey: 4 } as const
export const CKK = { rsa: 0, ec: 3, genericSecret: 0x10, aes: 0x1f } as const

/** Mechanisms (CKM_…). */
export const CKM = {
  rsaKeyPairGen: 0x0,
  rsaPkcs: 0x1,
  rsaX509: 0x3,
  rsaOaep: 0x9,
  rsaPss: 0xd,
  sha1: 0x220,
  sha256: 0x250,
  sha384: 0x260,
  sha512: 0x270,
  sha256Hmac: 0x251,
  sha384Hmac: 0x261,
  sha512Hmac: 0x271,
  genericSecretKeyGen: 0x350,
  ecKeyPairGen: 0x1040,
  ecdsa: 0x1041,
  aesKeyGen: 0x1080,
  aesCbc: 0x1082,
  aesCbcPad: 0x1085,
  aesGcm: 0x1087,
  aesKeyWrap: 0x2109,
  aesKeyWrapPad: 0x210a,
} as const

/** Mask generation functions of PSS and OAEP (CKG_MGF1_…). */
export const MGF1 = { sha1: 1, sha256: 2, sha384: 3, sha512: 4 } as const

/** Attributes (CKA_…). */
export const CKA = {
  class: 0x0,
  token: 0x1,
  private: 0x2,
  label: 0x3,
  value: 0x11,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  encrypt: 0x104,
  decrypt: 0x105,
  wrap: 0x106,
  unwrap: 0x107,
  sign: 0x108,
  verify: 0x10a,
  modulus: 0x120,
  modulusBits: 0x121,
  publicExponent: 0x122,
  privateExponent: 0x123,
  prime1: 0x124,
  prime2: 0x125,
  exponent1: 0x126,
  exponent2: 0x127,
  coefficient: 0x128,
  valueLen: 0x161,
  extractable: 0x162,
  local: 0x163,
  neverExtractable: 0x164,
  alwaysSensitive: 0x165,
  ecParams: 0x180,
  ecPoint: 0x181,
} as const

/** Answers of a module (CKR_…); those that no code looks at are here for messages. */
export const CKR = {
  OK: 0x0,
  HOST_MEMORY: 0x2,
  SLOT_ID_INVALID: 0x3,
  GENERAL_ERROR: 0x5,
  FUNCTION_FAILED: 0x6,
  ARGUMENTS_BAD: 0x7,
  CANT_LOCK: 0xa,
  ATTRIBUTE_READ_ONLY: 0x10,
  ATTRIBUTE_SENSITIVE: 0x11,
  ATTRIBUTE_TYPE_INVALID: 0x12,
  ATTRIBUTE_VALUE_INVALID: 0x13,
  ACTION_PROHIBITED: 0x1b,
  DATA_INVALID: 0x20,
  DATA_LEN_RANGE: 0x21,
  DEVICE_ERROR: 0x30,
  DEVICE_MEMORY: 0x31,
  DEVICE_REMOVED: 0x32,
  ENCRYPTED_DATA_INVALID: 0x40,
  ENCRYPTED_DATA_LEN_RANGE: 0x41,
  FUNCTION_NOT_SUPPORTED: 0x54,
  KEY_HANDLE_INVALID: 0x60,
  KEY_SIZE_RANGE: 0x62,
  KEY_TYPE_INCONSISTENT: 0x63,
  KEY_FUNCTION_NOT_PERMITTED: 0x68,
  KEY_NOT_WRAPPABLE: 0x69,
  KEY_UNEXTRACTABLE: 0x6a,
  MECHANISM_INVALID: 0x70,
  MECHANISM_PARAM_INVALID: 0x71,
  OBJECT_HANDLE_INVALID: 0x82,
  OPERATION_ACTIVE: 0x90,
  OPERATION_NOT_INITIALIZED: 0x91,
  PIN_INCORRECT: 0xa0,
  PIN_INVALID: 0xa1,
  PIN_LEN_RANGE: 0xa2,
  PIN_EXPIRED: 0xa3,
  PIN_LOCKED: 0xa4,
  SESSION_CLOSED: 0xb0,
  SESSION_COUNT: 0xb1,
  SESSION_HANDLE_INVALID: 0xb3,
  SIGNATURE_INVALID: 0xc0,
  SIGNATURE_LEN_RANGE: 0xc1,
  TEMPLATE_INCOMPLETE: 0xd0,
  TEMPLATE_INCONSISTENT: 0xd1,
  TOKEN_NOT_PRESENT: 0xe0,
  TOKEN_NOT_RECOGNIZED: 0xe1,
  TOKEN_WRITE_PROTECTED: 0xe2,
  USER_ALREADY_LOGGED_IN: 0x100,
  USER_NOT_LOGGED_IN: 0x101,
  USER_PIN_NOT_INITIALIZED: 0x102,
  WRAPPED_KEY_INVALID: 0x110,
  WRAPPED_KEY_LEN_RANGE: 0x112,
  BUFFER_TOO_SMALL: 0x150,
  CURVE_NOT_SUPPORTED: 0x140,
  DOMAIN_PARAMS_INVALID: 0x130,
  CRYPTOKI_NOT_INITIALIZED: 0x190,
  CRYPTOKI_ALREADY_INITIALIZED: 0x191,
} as const

/** The documented name of an answer, or its number: modules have answers of their own. */
export function nameOfAnswer(answer: number): string {
  const found = Object.entries(CKR).find(([, value]) => value === answer)
  return found ? `CKR_${found[0]}` : `CKR 0x${answer.toString(16)}`
}
