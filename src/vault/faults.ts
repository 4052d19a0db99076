import { Fault } from '../base/fault.ts'

/** Everything the vault refuses, and the faults of the rooms below that can reach its callers. */
export type VaultFaultCode =
  | 'AccessDenied'
  | 'AlgorithmWrong'
  | 'ApiVersionWrong'
  | 'AttestationRefused'
  | 'BackupUnreadable'
  | 'BodyTooLarge'
  | 'CertificateIssuerNotFound'
  | 'CertificateNotFound'
  | 'CertificateUnreadable'
  | 'CipherWrong'
  | 'ContactsNotFound'
  | 'DataBusy'
  | 'DatabaseClosed'
  | 'DatabaseGone'
  | 'DeletedNameHeld'
  | 'DiskFull'
  | 'DomainUnreadable'
  | 'ForbiddenByConnection'
  | 'ForbiddenByFirewall'
  | 'ForbiddenByRbac'
  | 'HsmActivated'
  | 'HsmBusy'
  | 'HsmCannot'
  | 'HsmJobNotFound'
  | 'HsmNotActivated'
  | 'HsmPinWrong'
  | 'HsmUnavailable'
  | 'JsonWrong'
  | 'KeyDisabled'
  | 'KeyExpired'
  | 'KeyNotFound'
  | 'KeyNotYetValid'
  | 'KeyOperationForbidden'
  | 'ManagedObject'
  | 'ManagerRefused'
  | 'MergeForbidden'
  | 'NameTaken'
  | 'NameWrong'
  | 'NotOffered'
  | 'ParameterWrong'
  | 'PathUnknown'
  | 'PendingInProgress'
  | 'PendingNotFound'
  | 'PendingOver'
  | 'PropertyWrong'
  | 'PurgeNotEnabled'
  | 'ReleaseForbidden'
  | 'RoleAssignmentExists'
  | 'RoleAssignmentNotFound'
  | 'RoleDefinitionNotFound'
  | 'RoleWrong'
  | 'SealBroken'
  | 'SecretDisabled'
  | 'SecretNotFound'
  | 'SettingNotFound'
  | 'StorageRefused'
  | 'Throttled'
  | 'TokenMissing'
  | 'TokenRefused'
  | 'VaultNotFound'

type VaultFault = Fault<VaultFaultCode>

/** The three collections of a vault; also the first segment of an object's id. */
export type Kind = 'secrets' | 'keys' | 'certificates'

/** What an object of each kind is called in messages. */
const WORD: Record<Kind, string> = { secrets: 'secret', keys: 'key', certificates: 'certificate' }

const NOT_FOUND: Record<Kind, VaultFaultCode> = {
  secrets: 'SecretNotFound',
  keys: 'KeyNotFound',
  certificates: 'CertificateNotFound',
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** `id` is the name, or name/version when a version was asked for. */
export function objectNotFound(kind: Kind, id: string): VaultFault {
  return new Fault(
    NOT_FOUND[kind],
    `A ${WORD[kind]} with (name/id) ${id} was not found in this key vault. If you recently deleted this ${WORD[kind]} you may be able to recover it using the correct recovery command. For help resolving this issue, please see https://go.microsoft.com/fwlink/?linkid=2125182`,
  )
}

export function deletedNameHeld(kind: Kind, name: string): VaultFault {
  return new Fault(
    'DeletedNameHeld',
    `${capital(WORD[kind])} ${name} is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the ${WORD[kind]} can only be recovered or purged.`,
  )
}

/** The text is not documented: key-vault.md U9. */
export function nameTaken(kind: Kind, name: string): VaultFault {
  return new Fault(
    'NameTaken',
    `A ${WORD[kind]} with name ${name} already exists in this key vault. Delete and purge it, or restore into another vault.`,
  )
}

export function nameWrong(name: string): VaultFault {
  return new Fault('NameWrong', `The request URI contains an invalid name: ${name}`)
}

/** A property of the body is missing, null or out of range; `detail` says which, for the log. */
export function propertyWrong(detail: string): VaultFault {
  return new Fault('PropertyWrong', 'Property  has invalid value\r\n', detail)
}

export function secretDisabled(): VaultFault {
  return new Fault('SecretDisabled', 'Operation get is not allowed on a disabled secret.')
}

export function purgeNotEnabled(): VaultFault {
  return new Fault('PurgeNotEnabled', 'Operation "purge" is not enabled for this vault.')
}

export function backupUnreadable(): VaultFault {
  return new Fault('BackupUnreadable', 'Cannot decrypt backup blob')
}

/** A key whose state or `key_ops` forbid an operation; texts of key-vault.md §4.2 (U3). */
export function keyRefused(
  code: 'KeyDisabled' | 'KeyExpired' | 'KeyNotYetValid' | 'KeyOperationForbidden',
  operation: string,
): VaultFault {
  const reasons = {
    KeyDisabled: 'allowed on a disabled key',
    KeyExpired: 'allowed on an expired key',
    KeyNotYetValid: 'allowed on a not-yet-valid key',
    KeyOperationForbidden: 'permitted on this key',
  }
  return new Fault(code, `Operation ${operation} is not ${reasons[code]}.`)
}

/** One text for every wrong ciphertext, whatever was wrong with it (U2). */
export function cipherWrong(): VaultFault {
  return new Fault('CipherWrong', 'The parameter is incorrect.\r\n')
}

/** Something Key Vault has and this vault does not. */
export function notOffered(message: string): VaultFault {
  return new Fault('NotOffered', message)
}

/** The key and the secret of a certificate are changed through it (U10). */
export function managedObject(kind: Kind, name: string): VaultFault {
  return new Fault(
    'ManagedObject',
    `The ${WORD[kind]} ${name} belongs to the certificate of that name and is changed through it.`,
  )
}
