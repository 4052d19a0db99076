import { createHash, generateKeyPairSync } from 'node:crypto'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { joinBytes } from '../../base/byte-shares.ts'
import {
  decryptDirect,
  decryptWith,
  deriveContentKey,
  encryptDirect,
  encryptFor,
} from '../../base/jwe.ts'
import { selfSign } from '../certificates/x509.ts'
import { NOON_MS } from './test-vault.ts'

/** Somebody who holds a share of a security domain. */
export interface Holder {
  readonly jwk: Readonly<Record<string, unknown>>
  readonly thumbprint: string
  /** PKCS#8 in DER. */
  readonly privateKey: Uint8Array<ArrayBuffer>
}

/** A holder with a key of that size and a certificate, as `openssl req -x509` makes one. */
export function makeHolder(modulusLength = 2048, publicExponent = 65_537): Holder {
  const how = { modulusLength, publicExponent }
  const { privateKey, publicKey } = generateKeyPairSync('rsa', how)
  const holder = { subject: 'CN=holder', names: {}, ekus: [], keyUsage: [], isAuthority: false }
  const der = selfSign(holder, privateKey, {
    notBeforeMs: NOON_MS,
    expiresAtMs: NOON_MS + 86_400_000,
  })
  const { n, e } = publicKey.export({ format: 'jwk' })
  const thumbprint = createHash('sha256').update(der).digest('base64url')
  return {
    thumbprint,
    privateKey: Uint8Array.from(privateKey.export({ format: 'der', type: 'pkcs8' })),
    jwk: {
      kty: 'RSA',
      alg: 'RSA-OAEP-256',
      key_ops: ['verify', 'encrypt', 'wrapKey'],
      n,
      e,
      x5c: [der.toString('base64')],
      'x5t#S256': thumbprint,
    },
  }
}

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'))

/** What the holders do with the file of a domain before an upload: opened by them, for a transfer key. */
export async function recover(
  file: string,
  holders: readonly Holder[],
  transferJwk: string,
): Promise<string> {
  const { SharedKeys, EncData } = JSON.parse(file)
  const shares = holders.map((holder) => {
    const own = SharedKeys.enc_shares.find(
      ({ x5t_256 }: { x5t_256: string }) => x5t_256 === holder.thumbprint,
    )
    return decryptWith(holder.privateKey, own.enc_key)
  })
  const master = joinBytes(await Promise.all(shares))
  const again = crypto.getRandomValues(new Uint8Array(32))
  const data = []
  for (const { compact_jwe, tag } of EncData.data) {
    const part = await decryptDirect(await deriveContentKey(master, tag), compact_jwe)
    const partKey = await deriveContentKey(again, tag)
    data.push({ tag, compact_jwe: await encryptDirect(partKey, tag, part) })
  }
  return JSON.stringify({
    EncData: { data, kdf: 'sp108_kdf' },
    WrappedKey: { enc_key: await wrapFor(transferJwk, again), x5t_256: '' },
  })
}

async function wrapFor(transferJwk: string, master: Uint8Array<ArrayBuffer>): Promise<string> {
  const { X509Certificate } = await import('node:crypto')
  const certificate = new X509Certificate(bytesOf(JSON.parse(transferJwk).x5c[0]))
  const spki = certificate.publicKey.export({ format: 'der', type: 'spki' })
  return encryptFor(Uint8Array.from(spki), master)
}

/** A blob storage that keeps blobs in memory and opens for one signature. */
export interface TestStorage {
  /** Of its container. */
  readonly uri: string
  readonly token: string
  readonly blobs: Map<string, Buffer>
  /** Every request line it got. */
  readonly asked: string[]
  /** Answers instead of the storage when it gives a status. */
  disturb: ((method: string, name: string) => number | undefined) | undefined
  close(): Promise<void>
}

/** Starts it on this machine. */
export async function startStorage(signature: string): Promise<TestStorage> {
  const storage = { blobs: new Map<string, Buffer>(), asked: [] as string[] }
  const server = http.createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://storage')
    const name = url.pathname.replace('/container/', '')
    storage.asked.push(`${request.method} ${name}`)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const disturbed = whole.disturb?.(request.method ?? '', name)
      const found = storage.blobs.get(name)
      const refuse = (status: number, code: string) =>
        response
          .writeHead(status, { 'x-ms-error-code': code, location: '/elsewhere' })
          .end(url.search)
      if (disturbed !== undefined) refuse(disturbed, 'Disturbed')
      else if (url.searchParams.get('sig') !== signature) refuse(403, 'AuthenticationFailed')
      else if (request.method === 'PUT') {
        storage.blobs.set(name, Buffer.concat(chunks))
        response.writeHead(201).end()
      } else if (!found) refuse(404, 'BlobNotFound')
      else if (request.method === 'DELETE') {
        storage.blobs.delete(name)
        response.writeHead(202).end()
      } else response.writeHead(200).end(found)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const whole: TestStorage = {
    ...storage,
    uri: `http://127.0.0.1:${port}/container`,
    token: `sv=2021-12-02&sp=crdw&sig=${signature}`,
    disturb: undefined,
    close: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
  return whole
}
