/** One DER value: its tag, its content, and the whole of it. */
export interface Tlv {
  readonly tag: number
  readonly content: Buffer
  readonly whole: Buffer
}

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8: 0x0c,
  printable: 0x13,
  ia5: 0x16,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** A value of that tag; parts are joined. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), lengthOf(content.length), content])
}

function lengthOf(length: number): Buffer {
  if (length < 128) return Buffer.from([length])
  const hex = length.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}

export const sequence = (...parts: readonly Uint8Array[]): Buffer => tlv(TAG.sequence, ...parts)
export const octets = (content: Uint8Array): Buffer => tlv(TAG.octets, content)
export const nothing = Buffer.from([TAG.null, 0])
/** A context tag; 0xa0 and above hold values, 0x80 and above bare content. */
export const context = (number: number, ...parts: readonly Uint8Array[]): Buffer =>
  tlv(0xa0 | number, ...parts)

/** Bits in whole bytes. */
export const bits = (content: Uint8Array): Buffer => tlv(TAG.bits, Buffer.from([0]), content)

/** A non-negative integer, big endian. */
export function integer(value: number | Uint8Array): Buffer {
  const hex = typeof value === 'number' ? value.toString(16) : ''
  const bytes =
    typeof value === 'number'
      ? Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
      : Buffer.from(value)
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start += 1
  const lead = (bytes[start] ?? 0) > 127 ? Buffer.from([0]) : Buffer.alloc(0)
  return tlv(TAG.integer, lead, bytes.subarray(start))
}

export function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  return tlv(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(toBase128)]))
}

function toBase128(value: number): number[] {
  const digits = [value % 128]
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift((rest % 128) | 0x80)
  }
  return digits
}

export function readOid(content: Buffer): string {
  const [first = 0] = content
  const parts = [Math.min(2, Math.floor(first / 40))]
  parts.push(first - (parts[0] ?? 0) * 40)
  let value = 0
  for (const byte of content.subarray(1)) {
    value = value * 128 + (byte & 0x7f)
    if (byte < 128) {
      parts.push(value)
      value = 0
    }
  }
  return parts.join('.')
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280, 4.1.2.5). */
export function time(ms: number): Buffer {
  const text = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '')
  const isUtcTime = Number(text.slice(0, 4)) < 2050
  return isUtcTime ? tlv(0x17, Buffer.from(text.slice(2))) : tlv(0x18, Buffer.from(text))
}

/** The value at the start of `bytes`. @throws RangeError when it is cut short or indefinite */
export function readTlv(bytes: Buffer): Tlv {
  const [tag = 0, first = 0] = bytes
  const lengthBytes = first < 128 ? 0 : first & 0x7f
  if (bytes.length < 2 + lengthBytes || first === 128 || lengthBytes > 4) throw broken()
  const length = lengthBytes === 0 ? first : bytes.readUIntBE(2, lengthBytes)
  const start = 2 + lengthBytes
  if (bytes.length < start + length) throw broken()
  const whole = bytes.subarray(0, start + length)
  return { tag, whole, content: whole.subarray(start) }
}

/** The values inside a constructed one. @throws RangeError */
export function readAll(content: Buffer): Tlv[] {
  const found: Tlv[] = []
  for (let rest = content; rest.length > 0; ) {
    const next = readTlv(rest)
    found.push(next)
    rest = rest.subarray(next.whole.length)
  }
  return found
}

/** The n-th value inside. @throws RangeError when there is none */
export function part(outer: Tlv | undefined, index: number): Tlv {
  const found = outer && readAll(outer.content)[index]
  if (!found) throw broken()
  return found
}

function broken(): RangeError {
  return new RangeError('The DER is broken.')
}
