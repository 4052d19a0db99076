import { Fault } from '../../base/fault.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { VaultFaultCode } from '../faults.ts'

const VERSION = '2021-12-02'
const TIMEOUT_MS = 60_000

/** Larger than any blob that a backup writes. */
const BLOB_LIMIT_BYTES = 64 * 1024 * 1024

/** A container in Azure's blob storage, or below one, with what opens it. */
export interface BlobPlace {
  /** Without a query: it may be shown. */
  readonly uri: string
  /** The query of a shared access signature. */
  readonly token: Sealed
}

/**
 * The place named by a URI and a SAS token. Only https, or http to this machine, as an emulator has.
 *
 * @throws Fault `ParameterWrong`, never with the token in its text
 */
export function readBlobPlace(uri: string, token: Sealed): BlobPlace {
  const url = URL.canParse(uri) ? new URL(uri) : undefined
  if (url?.username !== '' || url.password !== '') {
    throw wrong('storageResourceUri must be the URI of a blob container.')
  }
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isThisMachine(url.hostname))) {
    throw wrong('storageResourceUri must begin with https://.')
  }
  if (url.search !== '' || url.hash !== '') {
    throw wrong('storageResourceUri must have no query: give the SAS token by itself.')
  }
  if (!/^\??[\w.~%:=&*+,/-]+$/.test(token.open()) || !/(?:^|[?&])sig=/.test(token.open())) {
    throw wrong('token must be the query of a shared access signature.')
  }
  return { uri: url.href.replace(/\/+$/, ''), token }
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d+){3}$/.test(host)
}

/** Writes a blob that must not be there yet. @throws Fault `StorageRefused` */
export async function putBlob(place: BlobPlace, name: string, content: Uint8Array): Promise<void> {
  const headers = {
    'x-ms-blob-type': 'BlockBlob',
    'content-type': 'application/octet-stream',
    'if-none-match': '*',
  }
  const request = { method: 'PUT', headers, body: Uint8Array.from(content) }
  await send(place, name, request, async (response) => {
    if (response.status !== 201) throw refused('write', name, response)
  })
}

/** @throws Fault `StorageRefused`, also for a blob of more than 64 MiB */
export async function getBlob(place: BlobPlace, name: string): Promise<Buffer> {
  return send(place, name, { method: 'GET' }, async (response) => {
    if (response.status !== 200) throw refused('read', name, response)
    const chunks: Uint8Array[] = []
    let sizeBytes = 0
    for await (const chunk of response.body ?? []) {
      sizeBytes += chunk.length
      if (sizeBytes > BLOB_LIMIT_BYTES) throw storageRefused(`The blob ${name} is too large.`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  })
}

/** @throws Fault `StorageRefused` */
export async function deleteBlob(place: BlobPlace, name: string): Promise<void> {
  await send(place, name, { method: 'DELETE' }, async (response) => {
    if (response.status !== 202) throw refused('delete', name, response)
  })
}

interface Request {
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
}

/** Redirects are not followed: the token is for this host alone. What is not read is thrown away. */
async function send<T>(
  place: BlobPlace,
  name: string,
  request: Request,
  read: (response: Response) => Promise<T>,
): Promise<T> {
  const path = name.split('/').map(encodeURIComponent).join('/')
  const query = place.token.open().replace(/^\?/, '')
  const abort = new AbortController()
  const timer = setTimeout(() => abort.abort(), TIMEOUT_MS)
  try {
    const response = await fetch(`${place.uri}/${path}?${query}`, {
      ...request,
      headers: { 'x-ms-version': VERSION, ...request.headers },
      redirect: 'manual',
      signal: abort.signal,
    })
    return await read(response)
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown
    throw storageRefused(
      `The storage at ${new URL(place.uri).host} ${whyOf(thrown, abort.signal.aborted)}.`,
    )
  } finally {
    clearTimeout(timer)
    abort.abort()
  }
}

/** The error's own text may hold the address with its query, so only its code is told. */
function whyOf(thrown: unknown, isLate: boolean): string {
  if (isLate) return `did not answer within ${TIMEOUT_MS / 1000} seconds`
  const cause =
    thrown instanceof Error ? (thrown.cause as { code?: unknown } | undefined) : undefined
  const code = typeof cause?.code === 'string' && /^\w+$/.test(cause.code) ? ` (${cause.code})` : ''
  return `cannot be reached${code}`
}

/** The body is not looked at: it may repeat parts of the signature. */
function refused(verb: string, name: string, response: Response): Fault<VaultFaultCode> {
  const code = response.headers.get('x-ms-error-code') ?? ''
  const shown = /^\w{1,80}$/.test(code) ? ` ${code}` : ''
  return storageRefused(
    `The storage refused to ${verb} the blob ${name}: HTTP ${response.status}${shown}.`,
  )
}

function storageRefused(message: string): Fault<VaultFaultCode> {
  return new Fault('StorageRefused', message)
}

function wrong(message: string): Fault<VaultFaultCode> {
  return new Fault('ParameterWrong', message)
}
