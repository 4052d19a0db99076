// The pkcs11 room: keys that live in a hardware token, or in SoftHSM. cryptoki.ts calls a vendor's
// module (PKCS#11 v2.40) beside the event loop; layout.ts lays its structures out; connection.ts finds
// the token, logs in and lends sessions; token.ts keeps it alive and says what went wrong; hsm-token.ts
// is what others use. constants.ts has the standard's numbers, mechanisms.ts its parameters.
// The module is loaded only when a token is configured.
export type { HsmFaultCode } from './answers.ts'
export { cannot } from './answers.ts'
export type { TokenFacts, TokenSettings } from './connection.ts'
export { CKA, CKK, CKM, CKO } from './constants.ts'
export type { Mechanism } from './cryptoki.ts'
export { HsmToken, type ObjectRef } from './hsm-token.ts'
export {
  cbcMechanism,
  gcmMechanism,
  oaepMechanism,
  pssMechanism,
  type TokenHash,
} from './mechanisms.ts'
export { type Template, template } from './template.ts'
