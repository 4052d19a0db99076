import type { FileHandle } from 'node:fs/promises'
import { parseJson, readNumber, readObject, readString } from '../../base/json.ts'
import { altered } from './sealed-stream.ts'

/** A file of a backup: its place below the data directory, and its size. */
export interface Entry {
  readonly name: string
  readonly sizeBytes: number
}

/** The entry that holds the key by which the data keys of a backup are wrapped. */
export const KEY_ENTRY = 'key'
/** That key and its name. */
export interface BackupKey {
  /** A GUID. */
  readonly id: string
  /** 32 bytes. */
  readonly bytes: Buffer
}

const GUID_CHARACTERS = 36

export function toKeyEntry({ id, bytes }: BackupKey): Buffer {
  return Buffer.concat([Buffer.from(id), bytes])
}

/** @throws Fault `BackupWrong` */
export function fromKeyEntry(entry: Buffer): BackupKey {
  if (entry.length !== GUID_CHARACTERS + 32) throw altered()
  const id = entry.toString('latin1', 0, GUID_CHARACTERS)
  return { id, bytes: entry.subarray(GUID_CHARACTERS) }
}

/** The database. */
export const DATABASE_ENTRY = 'sluice.db'

/** Everything that may be in a backup; a name that is not here is never written anywhere. */
const NAMES = /^(key|sluice\.db|admin\.json|ca\/ca\.(key|pem)|blobs\/[0-9a-f]{2}\/[0-9a-f]{62})$/

const MOST_HEADER_BYTES = 1024
const READ_BYTES = 256 * 1024

/** True for a file that a backup holds. */
export function isBackedUp(name: string): boolean {
  return NAMES.test(name)
}

/** An entry as it stands in the stream: the length of its header, the header, the content. */
export async function* entryOf(name: string, source: FileHandle | Buffer): AsyncGenerator<Buffer> {
  const sizeBytes = Buffer.isBuffer(source) ? source.length : (await source.stat()).size
  const header = Buffer.from(JSON.stringify({ name, sizeBytes }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(header.length)
  yield Buffer.concat([length, header])
  if (Buffer.isBuffer(source)) {
    yield source
    return
  }
  for (let at = 0; at < sizeBytes; ) {
    const bytes = Buffer.alloc(Math.min(READ_BYTES, sizeBytes - at))
    const { bytesRead } = await source.read(bytes, 0, bytes.length, at)
    if (bytesRead === 0) throw new Error(`${name} became shorter while it was read.`)
    yield bytes.subarray(0, bytesRead)
    at += bytesRead
  }
}

/** Reads the entries of a stream; `take` must read the content of each to its end. */
export async function readEntries(
  content: AsyncGenerator<Buffer>,
  take: (entry: Entry, bytes: AsyncGenerator<Buffer>) => Promise<void>,
): Promise<void> {
  const reader = new ByteReader(content)
  const seen = new Set<string>()
  for (;;) {
    const start = await reader.find(4)
    if (!start) break
    const length = start.readUInt32BE(0)
    if (length > MOST_HEADER_BYTES) throw altered()
    const entry = toEntry(await reader.find(length))
    if (seen.has(entry.name)) throw altered()
    seen.add(entry.name)
    await take(entry, reader.take(entry.sizeBytes))
  }
  if (!seen.has(KEY_ENTRY) || !seen.has(DATABASE_ENTRY)) throw altered()
}

function toEntry(raw: Buffer | undefined): Entry {
  try {
    const header = readObject(parseJson(raw?.toString('utf8') ?? '', 'entry'), 'entry')
    const name = readString(header['name'], 'name')
    const sizeBytes = readNumber(header['sizeBytes'], 'sizeBytes')
    const most = name === KEY_ENTRY ? MOST_HEADER_BYTES : Number.MAX_SAFE_INTEGER
    if (isBackedUp(name) && Number.isInteger(sizeBytes) && sizeBytes >= 0 && sizeBytes <= most) {
      return { name, sizeBytes }
    }
  } catch {
    // Not what was written.
  }
  throw altered()
}

/** Takes counted bytes from pieces of any size. */
class ByteReader {
  readonly #content: AsyncGenerator<Buffer>
  #held: Buffer = Buffer.alloc(0)

  constructor(content: AsyncGenerator<Buffer>) {
    this.#content = content
  }

  /** Undefined when the content ends right here; it must not end in the midst. */
  async find(length: number): Promise<Buffer | undefined> {
    while (this.#held.length < length) {
      const { value, done } = await this.#content.next()
      if (!done) this.#held = Buffer.concat([this.#held, value])
      else if (this.#held.length === 0) return undefined
      else throw altered()
    }
    const found = this.#held.subarray(0, length)
    this.#held = this.#held.subarray(length)
    return found
  }

  async *take(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#held.length === 0) {
        const { value, done } = await this.#content.next()
        if (done) throw altered()
        this.#held = value
      }
      const part = this.#held.subarray(0, left)
      this.#held = this.#held.subarray(part.length)
      left -= part.length
      if (part.length > 0) yield part
    }
  }
}
