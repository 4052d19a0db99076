import { Fault } from '../base/fault.ts'
import { json, type Reply } from '../http/reply.ts'
import type { VaultFaultCode } from './faults.ts'

interface Spelling {
  readonly status: number
  readonly code: string
  readonly inner?: string
}

/** How Key Vault spells each fault on the wire (key-vault.md §4.2). */
const WIRE: Record<VaultFaultCode, Spelling> = {
  AccessDenied: { status: 403, code: 'Forbidden', inner: 'AccessDenied' },
  AlgorithmWrong: { status: 400, code: 'BadParameter' },
  ApiVersionWrong: { status: 400, code: 'BadParameter' },
  AttestationRefused: { status: 403, code: 'Forbidden' },
  BackupUnreadable: { status: 400, code: 'BadParameter' },
  BodyTooLarge: { status: 413, code: 'RequestEntityTooLarge' },
  CertificateIssuerNotFound: { status: 404, code: 'CertificateIssuerNotFound' },
  CertificateNotFound: { status: 404, code: 'CertificateNotFound' },
  CertificateUnreadable: { status: 400, code: 'BadParameter' },
  CipherWrong: { status: 400, code: 'BadParameter' },
  ContactsNotFound: { status: 404, code: 'ContactsNotFound' },
  DataBusy: { status: 503, code: 'ServiceUnavailable' },
  DatabaseClosed: { status: 503, code: 'ServiceUnavailable' },
  DatabaseGone: { status: 503, code: 'ServiceUnavailable' },
  DeletedNameHeld: { status: 409, code: 'Conflict', inner: 'ObjectIsDeletedButRecoverable' },
  DomainUnreadable: { status: 400, code: 'BadParameter' },
  HsmActivated: { status: 409, code: 'Conflict' },
  HsmBusy: { status: 409, code: 'Conflict' },
  HsmJobNotFound: { status: 404, code: 'NotFound' },
  StorageRefused: { status: 400, code: 'StorageError' },
  DiskFull: { status: 503, code: 'ServiceUnavailable' },
  ForbiddenByConnection: { status: 403, code: 'Forbidden', inner: 'ForbiddenByConnection' },
  ForbiddenByFirewall: { status: 403, code: 'Forbidden', inner: 'ForbiddenByFirewall' },
  ForbiddenByRbac: { status: 403, code: 'Forbidden', inner: 'ForbiddenByRbac' },
  HsmNotActivated: { status: 403, code: 'Forbidden', inner: 'HsmNotActivated' },
  HsmCannot: { status: 400, code: 'NotSupported' },
  HsmPinWrong: { status: 503, code: 'ServiceUnavailable' },
  HsmUnavailable: { status: 503, code: 'ServiceUnavailable' },
  JsonWrong: { status: 400, code: 'BadParameter' },
  KeyDisabled: { status: 403, code: 'Forbidden', inner: 'KeyDisabled' },
  KeyExpired: { status: 403, code: 'Forbidden', inner: 'KeyExpired' },
  KeyNotFound: { status: 404, code: 'KeyNotFound' },
  KeyNotYetValid: { status: 403, code: 'Forbidden', inner: 'KeyNotYetValid' },
  KeyOperationForbidden: { status: 403, code: 'Forbidden', inner: 'KeyOperationForbidden' },
  ManagedObject: { status: 403, code: 'Forbidden' },
  ManagerRefused: { status: 400, code: 'BadParameter' },
  MergeForbidden: { status: 403, code: 'Forbidden' },
  NameTaken: { status: 409, code: 'Conflict' },
  NameWrong: { status: 400, code: 'BadParameter' },
  NotOffered: { status: 400, code: 'NotSupported' },
  ParameterWrong: { status: 400, code: 'BadParameter' },
  PathUnknown: { status: 404, code: 'NotFound' },
  PendingInProgress: { status: 409, code: 'Forbidden' },
  PendingNotFound: { status: 404, code: 'PendingCertificateNotFound' },
  PendingOver: { status: 400, code: 'BadParameter' },
  PropertyWrong: { status: 400, code: 'BadParameter' },
  PurgeNotEnabled: { status: 400, code: 'NotSupported' },
  ReleaseForbidden: { status: 403, code: 'Forbidden' },
  RoleAssignmentExists: { status: 409, code: 'RoleAssignmentExists' },
  RoleAssignmentNotFound: { status: 404, code: 'RoleAssignmentNotFound' },
  RoleDefinitionNotFound: { status: 404, code: 'RoleDefinitionNotFound' },
  RoleWrong: { status: 400, code: 'BadParameter' },
  SealBroken: { status: 500, code: 'InternalServerError' },
  SecretDisabled: { status: 403, code: 'Forbidden', inner: 'SecretDisabled' },
  SecretNotFound: { status: 404, code: 'SecretNotFound' },
  SettingNotFound: { status: 404, code: 'SettingNotFound' },
  Throttled: { status: 429, code: 'Throttled' },
  TokenMissing: { status: 401, code: 'Unauthorized' },
  TokenRefused: { status: 401, code: 'Unauthorized' },
  VaultNotFound: { status: 404, code: 'VaultNotFound' },
}

const BUG_CODE = 'InternalServerError'

const BUG: Reply = json(500, {
  error: {
    code: BUG_CODE,
    message: 'An internal error occurred. The log has it under the x-ms-request-id of this answer.',
  },
})

/** The error's code alone, for what is told later than in an answer. */
export function wireCodeOf(fault: Fault): string {
  return Object.hasOwn(WIRE, fault.code) ? WIRE[fault.code as VaultFaultCode].code : BUG_CODE
}

/** Spells what was thrown; a bug shows no text of its own. */
export function vaultFaultReply(thrown: unknown): Reply {
  if (!(thrown instanceof Fault) || !Object.hasOwn(WIRE, thrown.code)) return BUG
  const { status, code, inner } = WIRE[thrown.code as VaultFaultCode]
  if (status === 500) return BUG
  const error = { code, message: thrown.message }
  return json(status, { error: inner ? { ...error, innererror: { code: inner } } : error })
}
