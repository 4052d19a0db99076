import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { Fault } from '../../base/fault.ts'
import { parseJson, readNumber, readObject, readString } from '../../base/json.ts'
import type { Sealed } from '../../base/sealed.ts'
import {
  deriveKey,
  newScryptParameters,
  readScryptParameters,
  type ScryptParameters,
} from '../../storage/passphrase.ts'
import { fits, localRootKey, makeCheck } from '../../storage/root-key.ts'

/**
 * A backup file: `SLUICEBK`, the length of the header (4), the header as JSON, then pieces: length (4),
 * 1 for the last and 0 for others (1), ciphertext and tag (AES-256-GCM). Each piece is bound to the
 * header, to its position and to being the last; the key is made from the passphrase and a salt of this
 * file alone, so the position is the IV. Nothing is compressed: a file never grows when it is read.
 */
const MAGIC = Buffer.from('SLUICEBK')
const PIECE_BYTES = 256 * 1024
const TAG_BYTES = 16
const MOST_HEADER_BYTES = 4096
/** The key check is a root key's, under a name of its own. */
const CHECK_ID = '00000000-0000-4000-8000-00000000ba0c'

/** What the file says of itself before it is opened; it is vouched for by the pieces. */
export interface BackupHeader {
  readonly format: 1
  readonly createdAtMs: number
  /** The version of Sluice that made it. */
  readonly version: string
  readonly scrypt: ScryptParameters
  /** Tells a wrong passphrase from a file that was altered. */
  readonly check: string
}

/** Writes a backup from pieces of content of any size. @throws what `content` throws */
export async function writeSealedStream(
  file: FileHandle,
  opened: {
    readonly passphrase: Sealed
    readonly createdAtMs: number
    readonly version: string
    /** For tests: N. */
    readonly cost?: number
  },
  content: AsyncIterable<Buffer>,
): Promise<void> {
  const scrypt = newScryptParameters(opened.cost)
  const key = await deriveKey(opened.passphrase, scrypt)
  const check = await makeCheck(localRootKey('passphrase', CHECK_ID, key))
  const { createdAtMs, version } = opened
  const header = Buffer.from(JSON.stringify({ format: 1, createdAtMs, version, scrypt, check }))
  await file.appendFile(Buffer.concat([MAGIC, toLength(header.length), header]))
  let index = 0
  let held: Buffer = Buffer.alloc(0)
  const put = async (piece: Buffer, last: boolean): Promise<void> => {
    const sealed = sealPiece(key, header, { index, last }, piece)
    await file.appendFile(Buffer.concat([toLength(sealed.length), Buffer.of(last ? 1 : 0), sealed]))
    index += 1
  }
  for await (const bytes of content) {
    held = held.length === 0 ? bytes : Buffer.concat([held, bytes])
    while (held.length > PIECE_BYTES) {
      await put(held.subarray(0, PIECE_BYTES), false)
      held = held.subarray(PIECE_BYTES)
    }
  }
  await put(held, true)
}

/**
 * Opens a backup; its content comes piece by piece, each verified before it is given.
 *
 * @throws Fault `BackupWrong` when it is none, was altered or is cut short; `PassphraseWrong`
 */
export async function openSealedStream(
  file: FileHandle,
  passphrase: () => Promise<Sealed>,
): Promise<{ readonly header: BackupHeader; readonly content: AsyncGenerator<Buffer> }> {
  const start = await readExactly(file, MAGIC.length + 4, 0)
  if (!start?.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new Fault('BackupWrong', 'The file is no backup of Sluice.')
  }
  const headerBytes = start.readUInt32BE(MAGIC.length)
  const raw =
    headerBytes > MOST_HEADER_BYTES ? undefined : await readExactly(file, headerBytes, start.length)
  if (!raw) throw altered()
  const header = toHeader(raw)
  const key = await deriveKey(await passphrase(), header.scrypt)
  const isRight = await fits(localRootKey('passphrase', CHECK_ID, key), {
    id: CHECK_ID,
    provider: 'passphrase',
    createdAtMs: 0,
    check: header.check,
    parameters: {},
  })
  if (!isRight) {
    throw new Fault('PassphraseWrong', 'The passphrase does not fit this backup.')
  }
  return { header, content: readPieces(file, key, raw, start.length + headerBytes) }
}

async function* readPieces(
  file: FileHandle,
  key: KeyObject,
  header: Buffer,
  from: number,
): AsyncGenerator<Buffer> {
  let at = from
  for (let index = 0; ; index += 1) {
    const start = await readExactly(file, 5, at)
    if (!start) throw cutShort()
    const length = start.readUInt32BE(0)
    const last = start[4] === 1
    if (length > PIECE_BYTES + TAG_BYTES || length < TAG_BYTES) throw altered()
    const sealed = await readExactly(file, length, at + 5)
    if (!sealed) throw cutShort()
    at += 5 + length
    yield openPiece(key, header, { index, last }, sealed)
    if (!last) continue
    if (await readExactly(file, 1, at)) throw altered()
    return
  }
}

interface Position {
  readonly index: number
  readonly last: boolean
}

function sealPiece(key: KeyObject, header: Buffer, position: Position, piece: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, toIv(position))
  cipher.setAAD(Buffer.concat([header, Buffer.of(position.last ? 1 : 0)]))
  return Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()])
}

function openPiece(key: KeyObject, header: Buffer, position: Position, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, toIv(position))
  decipher.setAAD(Buffer.concat([header, Buffer.of(position.last ? 1 : 0)]))
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES))
  try {
    const piece = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES))
    decipher.final()
    return piece
  } catch {
    throw altered()
  }
}

/** The check was made with the same key and a random IV of 12 bytes; these begin with 1 and zeros. */
function toIv({ index }: Position): Buffer {
  const iv = Buffer.alloc(12)
  iv[0] = 1
  iv.writeUInt32BE(index, 8)
  return iv
}

function toHeader(raw: Buffer): BackupHeader {
  try {
    const header = readObject(parseJson(raw.toString('utf8'), 'header'), 'header')
    if (header['format'] !== 1) {
      throw new Fault('BackupWrong', 'The backup was made by a newer version of Sluice.')
    }
    return {
      format: 1,
      createdAtMs: readTime(header['createdAtMs']),
      version: readString(header['version'], 'version'),
      scrypt: readScryptParameters(readObject(header['scrypt'], 'scrypt')),
      check: readString(header['check'], 'check'),
    }
  } catch (error) {
    throw error instanceof Fault && error.code === 'BackupWrong' ? error : altered()
  }
}

/** A time that a calendar has. */
function readTime(value: unknown): number {
  const timeMs = readNumber(value, 'createdAtMs')
  if (Number.isNaN(new Date(timeMs).getTime())) throw altered()
  return timeMs
}

function toLength(length: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(length)
  return bytes
}

/** Undefined when the file ends before. */
async function readExactly(
  file: FileHandle,
  length: number,
  at: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.alloc(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, at + filled)
    if (bytesRead === 0) return undefined
    filled += bytesRead
  }
  return bytes
}

/** What a backup answers that is not as it was made. */
export function altered(): Fault<'BackupWrong'> {
  return new Fault('BackupWrong', 'The backup was altered: it is not as it was made.')
}

function cutShort(): Fault<'BackupWrong'> {
  return new Fault('BackupWrong', 'The backup is cut short: its end is missing.')
}
