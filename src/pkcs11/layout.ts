/** Bytes of a CK_ULONG and of a pointer here, and whether structures are packed to one byte (Windows). */
export interface Layout {
  readonly ulongBytes: 4 | 8
  readonly isPacked: boolean
}

const POINTER_BYTES = 8

/** A member of a structure: a number (CK_ULONG), or bytes that a pointer names (undefined: null). */
export type Member = number | { readonly at: Buffer | undefined }

/** Says where a buffer lies in memory; it must stay referenced as long as the module may look. */
export type AddressOf = (bytes: Buffer) => bigint

/** A structure for a module, with every buffer that it points to. */
export interface Packed {
  readonly bytes: Buffer
  /** Kept so that nothing the structure points to is collected. */
  readonly holds: readonly Buffer[]
}

/** Lays members out as a C compiler does on this system (PKCS#11 v2.40, 2.1: packed on Windows). */
export function pack(layout: Layout, addressOf: AddressOf, members: readonly Member[]): Packed {
  const parts: { readonly offset: number; readonly member: Member }[] = []
  let end = 0
  let widest = 1
  for (const member of members) {
    const size = typeof member === 'number' ? layout.ulongBytes : POINTER_BYTES
    const alignment = layout.isPacked ? 1 : size
    const offset = Math.ceil(end / alignment) * alignment
    parts.push({ offset, member })
    end = offset + size
    widest = Math.max(widest, alignment)
  }
  const bytes = Buffer.alloc(Math.ceil(end / widest) * widest)
  const holds: Buffer[] = []
  for (const { offset, member } of parts) {
    if (typeof member === 'number') writeUlong(layout, bytes, offset, member)
    else if (member.at && member.at.length > 0) {
      holds.push(member.at)
      bytes.writeBigUInt64LE(addressOf(member.at), offset)
    }
  }
  return { bytes, holds }
}

/** Several structures of the same members in a row, as for a template of attributes. */
export function packAll(
  layout: Layout,
  addressOf: AddressOf,
  rows: readonly (readonly Member[])[],
): Packed {
  const packed = rows.map((row) => pack(layout, addressOf, row))
  return {
    bytes: Buffer.concat(packed.map(({ bytes }) => bytes)),
    holds: packed.flatMap(({ holds }) => holds),
  }
}

/** Every system that has a prebuilt binding is little-endian. */
function writeUlong(layout: Layout, bytes: Buffer, offset: number, value: number): void {
  if (layout.ulongBytes === 4) bytes.writeUInt32LE(value >>> 0, offset)
  else bytes.writeBigUInt64LE(BigInt(value), offset)
}

/** A number that fits JavaScript's; CK_UNAVAILABLE_INFORMATION gives -1. */
export function readUlong(layout: Layout, bytes: Buffer, offset: number): number {
  if (layout.ulongBytes === 4) {
    const value = bytes.readUInt32LE(offset)
    return value === 0xffffffff ? -1 : value
  }
  const value = bytes.readBigUInt64LE(offset)
  return value === 0xffffffffffffffffn ? -1 : Number(value)
}

/** One CK_ULONG. */
export function ulongBytes(layout: Layout, value: number): Buffer {
  const bytes = Buffer.alloc(layout.ulongBytes)
  writeUlong(layout, bytes, 0, value)
  return bytes
}
