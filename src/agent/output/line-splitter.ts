import { isUtf8 } from 'node:buffer'
import { COMMAND_KEYWORD } from './command.ts'
import { toBuffer } from './masker.ts'

const [LF, CR] = [0x0a, 0x0d]
const LINE_END = Buffer.from('\n')
const NOTHING = Buffer.alloc(0)

/** Where lines go, in the order in which they end. */
export interface LineSink {
  /** Whole lines, each ending with LF, valid UTF-8, none of which holds a carriage return. */
  lines(block: Buffer): void
  /** A part of a line that is too long to be kept whole; `isLast` closes the line. */
  longPart(part: Buffer, isLast: boolean): void
  /** A line with the command keyword was dropped, because it is too long to be read as one. */
  refused(): void
}

/** How much of a line without an end is kept in memory. */
export interface LineLimits {
  /** A line without an end is passed on in parts once it has this many bytes. */
  readonly partBytes: number
  /** A line that may be a logging command is kept up to this many bytes, and then dropped. */
  readonly commandBytes: number
}

/** 1 MiB of text, 32 MiB of a logging command: more than any variable a job can carry. */
export const standardLimits: LineLimits = { partBytes: 1_048_576, commandBytes: 33_554_432 }

/**
 * Cuts the bytes of a pipe into lines at LF, CR LF or CR, as the agent does, and replaces what is
 * not UTF-8. Whole lines of one chunk are passed on as one block.
 */
export class LineSplitter {
  readonly #sink: LineSink
  readonly #limits: LineLimits
  /** The start of a line whose end has not come yet. */
  #parts: Buffer[] = []
  #keptBytes = 0
  #isPassing = false
  #hasKeyword = false
  #isRefused = false
  /** The last byte was a CR that ended a line; an LF right after it belongs to it. */
  #isAfterCr = false

  constructor(sink: LineSink, limits: LineLimits = standardLimits) {
    this.#sink = sink
    this.#limits = limits
  }

  /** `chunk` may be used again by the caller afterwards. */
  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return
    const whole = toBuffer(chunk)
    const bytes = this.#isAfterCr && whole[0] === LF ? whole.subarray(1) : whole
    const end = Math.max(bytes.lastIndexOf(LF), bytes.lastIndexOf(CR)) + 1
    this.#isAfterCr = end > 0 && end === bytes.length && bytes[end - 1] === CR
    if (end > 0) this.#finishLines(bytes.subarray(0, end))
    this.#keep(bytes.subarray(end))
  }

  /** Passes on the last line when it has no end. */
  end(): void {
    if (this.#keptBytes > 0 || this.#isPassing) this.#finishLines(LINE_END)
  }

  #finishLines(bytes: Buffer): void {
    let rest = bytes
    if (this.#keptBytes > 0 || this.#isPassing || this.#isRefused) {
      const end = firstLineEnd(bytes)
      this.#finishKeptLine(bytes.subarray(0, end))
      rest = bytes.subarray(end + (bytes[end] === CR && bytes[end + 1] === LF ? 2 : 1))
    }
    if (rest.length > 0) this.#sink.lines(withValidUtf8(withLineFeeds(rest)))
  }

  #finishKeptLine(tail: Buffer): void {
    this.#parts.push(tail)
    const last = this.#take()
    const isPart = this.#isPassing && !last.includes(COMMAND_KEYWORD)
    if (this.#isPassing) this.#sink.longPart(isPart ? withValidUtf8(last) : NOTHING, true)
    if (!isPart && !this.#isRefused) {
      this.#sink.lines(withValidUtf8(Buffer.concat([last, LINE_END])))
    }
    this.#isPassing = false
    this.#hasKeyword = false
    this.#isRefused = false
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0 || this.#isRefused) return
    // A pipe uses its buffer again, hence the copy.
    this.#parts.push(Buffer.from(bytes))
    this.#keptBytes += bytes.length
    if (this.#keptBytes < this.#limits.partBytes) return
    if (!this.#hasKeyword) this.#passPart()
    if (this.#hasKeyword && this.#keptBytes >= this.#limits.commandBytes) this.#refuse()
  }

  #passPart(): void {
    const kept = this.#take()
    this.#hasKeyword = kept.includes(COMMAND_KEYWORD)
    // The last bytes could be the start of the keyword or of a character.
    const tail = Math.max(kept.length - COMMAND_KEYWORD.length, 0)
    const cut = this.#hasKeyword ? 0 : characterStart(kept, tail)
    if (cut > 0) {
      this.#isPassing = true
      this.#sink.longPart(withValidUtf8(kept.subarray(0, cut)), false)
    }
    this.#parts = [kept.subarray(cut)]
    this.#keptBytes = kept.length - cut
  }

  #refuse(): void {
    this.#take()
    if (this.#isPassing) this.#sink.longPart(NOTHING, true)
    this.#isPassing = false
    this.#isRefused = true
    this.#sink.refused()
  }

  #take(): Buffer {
    const [first = NOTHING] = this.#parts
    const taken = this.#parts.length === 1 ? first : Buffer.concat(this.#parts)
    this.#parts = []
    this.#keptBytes = 0
    return taken
  }
}

function firstLineEnd(bytes: Buffer): number {
  const [lf, cr] = [bytes.indexOf(LF), bytes.indexOf(CR)]
  return cr !== -1 && (lf === -1 || cr < lf) ? cr : lf
}

function withLineFeeds(bytes: Buffer): Buffer {
  let cr = bytes.indexOf(CR)
  if (cr === -1) return bytes
  const kept = Buffer.allocUnsafe(bytes.length)
  let [from, to] = [0, 0]
  while (cr !== -1) {
    to += bytes.copy(kept, to, from, cr)
    const isPair = bytes[cr + 1] === LF
    if (!isPair) kept[to++] = LF
    from = cr + 1
    cr = bytes.indexOf(CR, from)
  }
  to += bytes.copy(kept, to, from)
  return kept.subarray(0, to)
}

/** The same bytes when they are UTF-8, else with U+FFFD in place of what is not. */
function withValidUtf8(bytes: Buffer): Buffer {
  return isUtf8(bytes) ? bytes : Buffer.from(bytes.toString('utf8'), 'utf8')
}

/** The start of the character that `at` lies in; `at` itself where the bytes are not UTF-8. */
export function characterStart(bytes: Uint8Array, at: number): number {
  for (let start = at; start > Math.max(at - 4, 0); start--) {
    if (((bytes[start] ?? 0) & 0xc0) !== 0x80) return start
  }
  return at
}
