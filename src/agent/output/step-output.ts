import type { Clock } from '../../base/clock.ts'
import { COMMAND_KEYWORD, type Command, parseCommand } from './command.ts'
import { characterStart, type LineLimits, LineSplitter, standardLimits } from './line-splitter.ts'
import type { MaskStream } from './mask-stream.ts'
import { type Masker, toBuffer } from './masker.ts'
import { stampLines } from './timestamp.ts'

const LF = 0x0a
const NOTHING = Buffer.alloc(0)

/** A batch of log lines is given out at this size, or when it is `FLUSH_AFTER_MS` old. */
const BATCH_BYTES = 32_768
const FLUSH_AFTER_MS = 100

/** The console of a run cuts lines here; the log does not. */
const FEED_CHARACTERS = 1_024

/** What a step's output needs, and where it goes; all calls come in the order of the lines. */
export interface StepOutputOptions {
  readonly masker: Masker
  readonly clock: Clock
  /** False when the job sets DECODE_PERCENTS=false. */
  readonly decodePercents?: boolean
  readonly limits?: LineLimits
  /**
   * Called for a command before any later line is looked at, so that a secret it sets is masked
   * from the next line on. `line` is not in the log; it is not masked, so write it with
   * `writeLine` only.
   */
  onCommand(command: Command, line: string): void
  /**
   * Called before a line that holds the command keyword but is no command goes to the log. The
   * line is not masked yet.
   */
  onMalformed(line: string): void
  /** Masked whole lines, each stamped and ended by LF; `startLine` counts from 1. */
  log(lines: Uint8Array, startLine: number): void
  /** The same lines for people who watch: without stamps, cut at 1,024 characters. */
  feed?(lines: readonly string[], startLine: number): void
}

/** One source of bytes whose unfinished line is kept apart from those of others. */
export interface OutputPipe {
  /** Raw bytes, split anywhere. The buffer may be used again afterwards. */
  write(chunk: Uint8Array): void
  /** Ends the last line when it has no end. */
  end(): void
}

/** A step's output while it is open. */
export interface StepOutput {
  /** Raw bytes of the step's first pipe, split anywhere. */
  write(chunk: Uint8Array): void
  /** One more pipe with lines of its own, such as a standard error kept apart. */
  openPipe(): OutputPipe
  /**
   * Text of the agent itself or of a built-in task; line breaks make several lines. It is masked
   * unless `isHeader`, and read for commands only with `hasCommands`.
   */
  writeLine(
    text: string,
    options?: { readonly hasCommands?: boolean; readonly isHeader?: boolean },
  ): void
  /** Gives out what has been written so far. */
  flush(): void
  /** Ends every line and gives out the rest; nothing may be written afterwards. */
  end(): Promise<void>
}

/** The way of a step's output from bytes to the log: lines, commands, masker, stamps. */
export function openStepOutput(options: StepOutputOptions): StepOutput {
  const log = new LogBatch(options)
  const pipes: OutputPipe[] = []
  const openPipe = (): OutputPipe => {
    const lines = new LineReader(options, log)
    const splitter = new LineSplitter(lines, options.limits ?? standardLimits)
    pipes.push(splitter)
    return splitter
  }
  const first = openPipe()
  const own = new LineReader(options, log)
  return {
    write: (chunk) => first.write(chunk),
    openPipe,
    writeLine(text, { hasCommands = false, isHeader = false } = {}) {
      const block = Buffer.from(`${text.replace(/\r\n?/g, '\n')}\n`, 'utf8')
      if (hasCommands) own.lines(block)
      else log.add(isHeader ? block : options.masker.maskLines(block))
    },
    flush: () => log.flush(),
    async end() {
      for (const pipe of pipes) pipe.end()
      log.flush()
    },
  }
}

/** Finds the commands among lines, masks the rest, and hands it to the log in order. */
class LineReader {
  readonly #options: StepOutputOptions
  readonly #log: LogBatch
  #longLine: MaskStream | undefined
  /** Masked bytes of a long line that end inside a character. */
  #incomplete: Uint8Array = NOTHING

  constructor(options: StepOutputOptions, log: LogBatch) {
    this.#options = options
    this.#log = log
  }

  lines(block: Buffer): void {
    let textFrom = 0
    let keyword = block.indexOf(COMMAND_KEYWORD)
    while (keyword !== -1) {
      const start = block.lastIndexOf(LF, keyword) + 1
      const end = block.indexOf(LF, keyword) + 1
      const line = block.toString('utf8', start, end - 1)
      const parsed = parseCommand(line, this.#options)
      if (parsed.kind === 'text') throw new Error('A line with the keyword was read as text.')
      this.#text(block.subarray(textFrom, start))
      if (parsed.kind === 'command') this.#options.onCommand(parsed.command, line)
      else this.#options.onMalformed(line)
      textFrom = parsed.kind === 'command' ? end : start
      if (parsed.kind === 'malformed') {
        this.#text(block.subarray(start, end))
        textFrom = end
      }
      keyword = block.indexOf(COMMAND_KEYWORD, end)
    }
    this.#text(block.subarray(textFrom))
  }

  /** A long line goes to the log in pieces of its own, since the log takes whole lines only. */
  longPart(part: Buffer, isLast: boolean): void {
    this.#longLine ??= this.#options.masker.lineStream()
    const pieces = [this.#incomplete, this.#longLine.write(part)]
    if (isLast) pieces.push(this.#longLine.end())
    const masked = Buffer.concat(pieces)
    const cut = isLast ? masked.length : characterStart(masked, masked.length - 1)
    this.#incomplete = masked.subarray(cut)
    if (cut > 0) this.#log.add(Buffer.concat([masked.subarray(0, cut), Buffer.from([LF])]))
    if (!isLast) return
    this.#longLine = undefined
    this.#incomplete = NOTHING
  }

  refused(): void {
    this.#options.onMalformed('(a line too long for a logging command, not shown)')
  }

  #text(block: Buffer): void {
    if (block.length > 0) this.#log.add(this.#options.masker.maskLines(block))
  }
}

/** Numbers, stamps and batches masked lines. */
class LogBatch {
  readonly #options: StepOutputOptions
  #stamped: Uint8Array[] = []
  #feed: string[] = []
  #sizeBytes = 0
  #startLine = 1
  #lineCount = 0
  #timer: NodeJS.Timeout | undefined

  constructor(options: StepOutputOptions) {
    this.#options = options
  }

  add(masked: Uint8Array): void {
    const lines = toBuffer(masked)
    const stamped = stampLines(lines, this.#options.clock.nowMs())
    // Joining a large block with what waits would copy it once more.
    if (stamped.bytes.length >= BATCH_BYTES) this.flush()
    this.#stamped.push(stamped.bytes)
    this.#sizeBytes += stamped.bytes.length
    this.#lineCount += stamped.lineCount
    if (this.#options.feed) this.#addToFeed(lines)
    if (this.#sizeBytes >= BATCH_BYTES) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#lineCount === 0) return
    const [stamped, feed, startLine] = [this.#stamped, this.#feed, this.#startLine]
    this.#startLine += this.#lineCount
    this.#stamped = []
    this.#feed = []
    this.#sizeBytes = 0
    this.#lineCount = 0
    const [only] = stamped
    this.#options.log(stamped.length === 1 && only ? only : Buffer.concat(stamped), startLine)
    this.#options.feed?.(feed, startLine)
  }

  #addToFeed(lines: Buffer): void {
    for (const line of lines.toString('utf8').slice(0, -1).split('\n')) {
      this.#feed.push(line.length > FEED_CHARACTERS ? line.slice(0, FEED_CHARACTERS) : line)
    }
  }
}
