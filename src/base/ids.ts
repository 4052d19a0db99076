/** A random lower-case GUID (RFC 9562 version 4), with dashes. */
export function newGuid(): string {
  return crypto.randomUUID()
}

/** 32 random lower-case hex characters: the form of a Key Vault object version. */
export function newVersionId(): string {
  return crypto.randomUUID().replaceAll('-', '')
}

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** True for the dashed form of a GUID, in either case. */
export function isGuid(text: string): boolean {
  return GUID.test(text)
}
