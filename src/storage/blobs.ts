import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import { Fault } from '../base/fault.ts'
import type { ScopeSealer } from './sealing.ts'

/** Content is sealed in pieces of this size, so that a blob of any size streams. */
const PIECE_BYTES = 256 * 1024

/** What was stored. */
export interface StoredBlob {
  /** Size of the content, not of its sealed form. */
  readonly sizeBytes: number
  readonly sha256: string
}

/**
 * Large content (artifact files) by key, sealed at rest. A blob is whole or absent: it is written
 * beside its place, synced, then moved there. Keys are any text; the file name is a hash of it.
 */
export interface BlobStore {
  /** Replaces what the key held. @throws Fault `BlobTooLarge` past `limitBytes` */
  put(key: string, content: Readable, limitBytes?: number): Promise<StoredBlob>
  /** The content as a stream, or undefined when the key holds nothing. Each piece is verified. */
  find(key: string): Promise<Readable | undefined>
  remove(key: string): Promise<void>
}

/** A blob store below `folder`; every piece is bound to its key and its position. */
export function openBlobs(folder: string, sealer: ScopeSealer): BlobStore {
  const fileOf = (key: string): string => {
    const hash = createHash('sha256').update(key).digest('hex')
    return path.join(folder, hash.slice(0, 2), hash.slice(2))
  }
  return {
    put: (key, content, limitBytes = Number.MAX_SAFE_INTEGER) =>
      writeSealed(fileOf(key), sealer, key, content, limitBytes),
    find: (key) => readSealed(fileOf(key), sealer, key),
    remove: (key) => rm(fileOf(key), { force: true }),
  }
}

async function writeSealed(
  file: string,
  sealer: ScopeSealer,
  key: string,
  content: Readable,
  limitBytes: number,
): Promise<StoredBlob> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${randomBytes(6).toString('hex')}.part`
  const handle = await open(temporary, 'wx', 0o600)
  const hash = createHash('sha256')
  let sizeBytes = 0
  try {
    let index = 0
    for await (const { piece, last } of pieces(content)) {
      sizeBytes += piece.length
      if (sizeBytes > limitBytes) {
        throw new Fault('BlobTooLarge', `The content is larger than ${limitBytes} bytes.`)
      }
      hash.update(piece)
      const sealed = sealer.seal(placeOf(key, index, last), piece)
      const length = Buffer.alloc(5)
      length.writeUInt32BE(sealed.length)
      length[4] = last ? 1 : 0
      await handle.writev([length, sealed])
      index += 1
    }
    await handle.sync()
    await handle.close()
    await rename(temporary, file)
  } catch (error) {
    await handle.close().catch(() => undefined)
    await rm(temporary, { force: true })
    throw error
  }
  return { sizeBytes, sha256: hash.digest('hex') }
}

/** Cuts a stream into pieces of `PIECE_BYTES`; the last one (perhaps empty) is marked. */
async function* pieces(content: Readable): AsyncGenerator<{ piece: Buffer; last: boolean }> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const chunk of content as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    held.push(bytes)
    heldBytes += bytes.length
    if (heldBytes <= PIECE_BYTES) continue
    let all = Buffer.concat(held)
    while (all.length > PIECE_BYTES) {
      yield { piece: all.subarray(0, PIECE_BYTES), last: false }
      all = all.subarray(PIECE_BYTES)
    }
    held = [all]
    heldBytes = all.length
  }
  yield { piece: Buffer.concat(held), last: true }
}

async function readSealed(
  file: string,
  sealer: ScopeSealer,
  key: string,
): Promise<Readable | undefined> {
  const found = await stat(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return found && Readable.from(openPieces(file, sealer, key), { objectMode: false })
}

/** The file is opened by the first read: a stream that nobody reads, or ends, holds nothing open. */
async function* openPieces(file: string, sealer: ScopeSealer, key: string): AsyncGenerator<Buffer> {
  // A stream of its own descriptor: a `FileHandle` that is left behind ends the whole process.
  const source: Readable = createReadStream(file)
  let buffered: Buffer = Buffer.alloc(0)
  let index = 0
  let ended = false
  for await (const chunk of source as AsyncIterable<Buffer>) {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk])
    while (buffered.length >= 5 && buffered.length >= 5 + buffered.readUInt32BE(0)) {
      const end = 5 + buffered.readUInt32BE(0)
      ended = buffered[4] === 1
      const piece = sealer.openBytes(placeOf(key, index, ended), buffered.subarray(5, end)).open()
      if (piece.length > 0) yield piece
      index += 1
      buffered = buffered.subarray(end)
    }
  }
  if (!ended || buffered.length > 0) {
    throw new Fault('SealBroken', 'A stored file is cut short or has something behind its end.')
  }
}

function placeOf(key: string, index: number, last: boolean): string {
  return `${key}\n${index}\n${last ? 'last' : 'more'}`
}
