/**
 * The few DER forms (ITU-T X.690) that a certificate needs. A value is its encoded bytes; larger
 * ones are made of smaller ones.
 */
export type Der = Buffer

const CONTEXT = 0x80
const CONSTRUCTED = 0x20

function encode(tag: number, content: Buffer): Der {
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content])
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length])
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff)
  return Buffer.from([CONTEXT | bytes.length, ...bytes])
}

export function sequence(...members: readonly Der[]): Der {
  return encode(0x30, Buffer.concat(members))
}

/** A SET of one member; a larger one would have to be sorted. */
export function setOfOne(member: Der): Der {
  return encode(0x31, member)
}

/** `bytes` is an unsigned number, most significant byte first. */
export function unsignedInteger(bytes: Buffer): Der {
  const first = bytes.findIndex((byte) => byte !== 0)
  const digits = first < 0 ? Buffer.from([0]) : bytes.subarray(first)
  const isNegative = ((digits[0] ?? 0) & 0x80) !== 0
  return encode(0x02, isNegative ? Buffer.concat([Buffer.from([0]), digits]) : digits)
}

export function booleanTrue(): Der {
  return encode(0x01, Buffer.from([0xff]))
}

export function octetString(bytes: Buffer): Der {
  return encode(0x04, bytes)
}

/** `unusedBits` of the last byte carry no meaning. */
export function bitString(bytes: Buffer, unusedBits = 0): Der {
  return encode(0x03, Buffer.concat([Buffer.from([unusedBits]), bytes]))
}

export function utf8String(text: string): Der {
  return encode(0x0c, Buffer.from(text, 'utf8'))
}

/** `dotted` as in `2.5.29.19`. */
export function objectId(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return encode(0x06, Buffer.from(bytes))
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, GeneralizedTime from 2050 on; whole seconds. */
export function time(atMs: number): Der {
  const text = new Date(atMs).toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return text < '2050' ? encode(0x17, Buffer.from(text.slice(2))) : encode(0x18, Buffer.from(text))
}

/** `[tag] EXPLICIT` or a constructed `[tag] IMPLICIT`: the tag around whole members. */
export function tagged(tag: number, ...members: readonly Der[]): Der {
  return encode(CONTEXT | CONSTRUCTED | tag, Buffer.concat(members))
}

/** A primitive `[tag] IMPLICIT`: the tag in place of the member's own. */
export function taggedBytes(tag: number, bytes: Buffer): Der {
  return encode(CONTEXT | tag, bytes)
}
