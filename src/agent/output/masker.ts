import { Sealed } from '../../base/sealed.ts'
import { type Encoder, type SecretOrigin, secretTexts, standardEncoders } from './encodings.ts'
import { MaskStream } from './mask-stream.ts'
import { PatternIndex } from './pattern-index.ts'
import { Ranges, redact } from './ranges.ts'
import { jsonTexts, SHORTEST_STRONG, strongEncoders } from './strong-encodings.ts'
import { UrlPasswordScanner } from './url-passwords.ts'

/** The agent's cap on the minimum length, so that nobody can switch masking off with it. */
const HIGHEST_MINIMUM = 6

/** How a masker differs from the agent's standard. */
export interface MaskerOptions {
  /** Values and encodings of fewer characters are not masked; at most 6 counts, 0 unless told. */
  readonly ignoreShorterThan?: number
  /**
   * `parity` (unless told) looks for what the agent looks for, and for every line; `strong` also for
   * base64 inside other base64, hex, further escapes, reversed text and the texts in JSON values. Values of fewer than 6 characters get no transformations.
   */
  readonly strength?: 'parity' | 'strong'
}

/**
 * Knows what is secret and puts `***` in its place: every value, in the encodings of its origin,
 * wherever it stands, matched by case. Stretches that overlap or touch become one `***`. The
 * password of a URL (`//user:password@`) is always masked.
 */
export class Masker {
  #minimum = 0
  #lines = new PatternIndex()
  #broken = new PatternIndex()
  readonly #values = new Set<string>()
  readonly #patterns = new Set<string>()
  readonly #encoders: Encoder[] = [...standardEncoders]
  readonly #isStrong: boolean

  constructor(options: MaskerOptions = {}) {
    this.#isStrong = options.strength === 'strong'
    if (options.ignoreShorterThan !== undefined) this.ignoreShorterThan(options.ignoreShorterThan)
  }

  /** Masks `secret` from now on. White space alone and the empty text are never secret. */
  add(secret: Sealed | string, origin: SecretOrigin): void {
    const value = secret instanceof Sealed ? secret.open() : secret
    for (const text of secretTexts(value, origin)) this.#addText(text)
    if (!this.#isStrong) return
    // The forms of a job's value: quotes and white space around it may be missing in the output.
    for (const text of [value, ...jsonTexts(value)]) {
      for (const form of secretTexts(text, 'job')) this.#addText(form)
    }
    for (const text of [value, value.trim(), ...secretTexts(value, 'raw'), ...jsonTexts(value)]) {
      this.#addTransformed(text)
    }
  }

  /** Looks for one more encoding of every value, those already known included. */
  addEncoder(encode: Encoder): void {
    this.#encoders.push(encode)
    for (const text of this.#values) this.#enter(encode(text))
  }

  /**
   * Forgets what is shorter than `characters` and ignores it from now on. More than 6 counts as 6.
   *
   * @returns the warning to show when the number was too high
   */
  ignoreShorterThan(characters: number): string | undefined {
    this.#minimum = Math.min(Math.max(characters, 0), HIGHEST_MINIMUM)
    const kept = [...this.#patterns].filter((pattern) => pattern.length >= this.#minimum)
    this.#patterns.clear()
    this.#lines = new PatternIndex()
    this.#broken = new PatternIndex()
    for (const pattern of kept) this.#enter(pattern)
    return characters > HIGHEST_MINIMUM
      ? `The value of the minimum length of the secrets is too high. Maximum value is set: ${HIGHEST_MINIMUM}`
      : undefined
  }

  /** `text` with every secret masked; values of several lines match across line breaks. */
  mask(text: string): string {
    if (!text) return ''
    const bytes = Buffer.from(text, 'utf8')
    const masked = this.maskBytes(bytes)
    return masked === bytes
      ? text
      : Buffer.from(masked.buffer, masked.byteOffset, masked.length).toString('utf8')
  }

  /** As `mask`, on UTF-8; the input itself when nothing matched. */
  maskBytes(bytes: Uint8Array): Uint8Array {
    return this.#maskWith(bytes, this.#find)
  }

  /**
   * As `maskBytes`, for a block of whole lines that each stand alone: a value that holds a line
   * break matches only through its lines, so that masking never joins two lines.
   */
  maskLines(bytes: Uint8Array): Uint8Array {
    return this.#maskWith(bytes, this.#findInLines)
  }

  /** Masks text that comes in pieces, with the answer that `maskBytes` gives for the whole. */
  stream(): MaskStream {
    return new MaskStream(this.#find, () =>
      Math.max(this.#lines.longestBytes, this.#broken.longestBytes),
    )
  }

  /** Masks one long line that comes in pieces, with the answer that `maskLines` gives. */
  lineStream(): MaskStream {
    return new MaskStream(this.#findInLines, () => this.#lines.longestBytes)
  }

  readonly #findInLines = (bytes: Buffer): Ranges => this.#lines.find(bytes)

  readonly #find = (bytes: Buffer): Ranges =>
    this.#lines.find(bytes).union(this.#broken.find(bytes))

  #maskWith(bytes: Uint8Array, find: (bytes: Buffer) => Ranges): Uint8Array {
    const view = toBuffer(bytes)
    const passwords = new Ranges()
    new UrlPasswordScanner().scan(view, passwords)
    return redact(bytes, find(view).union(passwords))
  }

  #addText(text: string): void {
    if (this.#values.has(text)) return
    this.#values.add(text)
    this.#enter(text)
    for (const encode of this.#encoders) this.#enter(encode(text))
  }

  #addTransformed(text: string): void {
    if (text.trim().length < SHORTEST_STRONG) return
    for (const encode of strongEncoders) {
      const transformed = encode(text)
      if (transformed.length >= SHORTEST_STRONG) this.#enter(transformed)
    }
  }

  #enter(pattern: string): void {
    if (pattern === '' || pattern.length < this.#minimum || this.#patterns.has(pattern)) return
    this.#patterns.add(pattern)
    const index = /[\r\n]/.test(pattern) ? this.#broken : this.#lines
    index.add(Buffer.from(pattern, 'utf8'))
  }
}

/** The same bytes, with the engine's fast searches. */
export function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
