/** One audited request, in the words of Key Vault's AuditEvent (key-vault.md §14.1). No values. */
export interface AuditEntry {
  readonly timeMs: number
  /** ARM id of the audited resource, in upper case. */
  readonly resourceId: string
  readonly operationName: string
  readonly operationVersion?: string
  /** `Success` or the error's code. */
  readonly resultType: string
  readonly resultSignature: string
  readonly resultDescription?: string
  readonly durationMs: number
  readonly callerIpAddress: string
  readonly correlationId?: string
  readonly requestId: string
  readonly identity?: {
    readonly objectId: string
    readonly tenantId: string
    readonly appId?: string
    readonly upn?: string
  }
  /** The user agent. */
  readonly clientInfo?: string
  readonly requestUri: string
  /** URI of the object or of the vault. */
  readonly id: string
  readonly httpStatusCode: number
  readonly isRbacAuthorized?: boolean
  readonly isAccessPolicyMatch?: boolean
  readonly isAddressAuthorized?: boolean
  readonly appliedAssignmentId?: string
  /** The pipeline run that asked, when the caller is known to be one. */
  readonly run?: {
    readonly runId: string
    readonly stage?: string
    readonly job?: string
    readonly step?: string
  }
}

/** A stored entry: its place in the chain and the hash that holds its segment there. */
export interface AuditRow extends AuditEntry {
  /** 1, 2, 3 … without gaps. */
  readonly sequence: number
  /** SHA-256 over the previous segment's hash and the content of this entry's segment, hex. */
  readonly hash: string
}

/** The object an id speaks of, for queries: `secrets/db`, lower case; '' for the vault itself. */
export function objectOf(id: string): string {
  const path = /^https?:\/\/[^/]*\/?(.*)$/.exec(id)?.[1] ?? ''
  const [collection = '', name = ''] = path.toLowerCase().split('/')
  if (collection === '') return ''
  const plain = collection.startsWith('deleted') ? collection.slice('deleted'.length) : collection
  return name === '' ? plain : `${plain}/${name}`
}
