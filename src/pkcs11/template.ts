import { CKA, CKR } from './constants.ts'
import { type Cryptoki, ModuleRefusal } from './cryptoki.ts'
import { type Packed, packAll, readUlong, ulongBytes } from './layout.ts'

/** The value of an attribute: CK_BBOOL, CK_ULONG or bytes. */
export type AttributeValue = boolean | number | Buffer

/** Attributes by their number (`CKA`). */
export type Template = ReadonlyMap<number, AttributeValue>

/** A template of named attributes, for example `{ sensitive: true }`. */
export function template(
  values: {
    readonly [Name in keyof typeof CKA]?: AttributeValue
  },
): Template {
  const names = Object.keys(values) as (keyof typeof CKA)[]
  return new Map(names.map((name) => [CKA[name], values[name] as AttributeValue]))
}

/** A template as the module reads it: CK_ATTRIBUTE in a row. */
export function packTemplate(cryptoki: Cryptoki, given: Template): Packed {
  const rows = [...given].map(([type, value]) => {
    const bytes = toBytes(cryptoki, value)
    return [type, { at: bytes }, bytes.length] as const
  })
  return packAll(cryptoki.layout, cryptoki.addressOf, rows)
}

function toBytes(cryptoki: Cryptoki, value: AttributeValue): Buffer {
  if (typeof value === 'boolean') return Buffer.of(value ? 1 : 0)
  return typeof value === 'number' ? ulongBytes(cryptoki.layout, value) : value
}

/** Answers of C_GetAttributeValue that say why single attributes are not told. */
const PARTIAL: readonly number[] = [CKR.ATTRIBUTE_SENSITIVE, CKR.ATTRIBUTE_TYPE_INVALID]

/**
 * The values of an object's attributes; undefined where the token does not tell (sensitive) or does
 * not have one.
 *
 * @throws ModuleRefusal when the object cannot be asked
 */
export async function readAttributes(
  cryptoki: Cryptoki,
  session: bigint,
  object: bigint,
  types: readonly number[],
): Promise<(Buffer | undefined)[]> {
  const { layout, addressOf } = cryptoki
  const ask = async (rooms: readonly (Buffer | undefined)[]) => {
    const rows = types.map((type, i) => [type, { at: rooms[i] }, rooms[i]?.length ?? 0])
    const { bytes, holds } = packAll(layout, addressOf, rows)
    const answer = await cryptoki.answer(
      'C_GetAttributeValue',
      session,
      object,
      bytes,
      types.length,
    )
    if (answer !== CKR.OK && !PARTIAL.includes(answer)) {
      throw new ModuleRefusal('C_GetAttributeValue', answer)
    }
    const rowBytes = bytes.length / types.length
    const lengthAt = rowBytes - layout.ulongBytes
    const lengths = types.map((_type, i) => readUlong(layout, bytes, i * rowBytes + lengthAt))
    return { lengths, holds }
  }
  const { lengths } = await ask(types.map(() => undefined))
  const rooms = lengths.map((length) => (length > 0 ? Buffer.alloc(length) : undefined))
  const told = await ask(rooms)
  return rooms.map((room, i) => {
    const length = told.lengths[i] ?? -1
    return length < 0 ? undefined : (room?.subarray(0, length) ?? Buffer.alloc(0))
  })
}
