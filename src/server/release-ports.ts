import { generateKeyPair, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import type { Identity } from '../identity/index.ts'
import { findService, type LocalCa, openCa } from '../network/index.ts'
import type { VaultPorts } from '../vault/index.ts'

const generate = promisify(generateKeyPair)

const ANSWER_LIMIT_BYTES = 1024 * 1024
const TIMEOUT_MS = 5000

/**
 * What a vault needs to release keys. It signs with certificates of the local authority, which those
 * who talk to it trust; their key (RSA, as clients of a release expect) is made on first use and is
 * in memory only.
 */
export function releasePorts(
  dataDirectory: string,
  identity: Pick<Identity, 'readAttestationDocument'>,
  get: typeof fetch = fetch,
): NonNullable<VaultPorts['release']> {
  let ca: LocalCa | undefined
  let pair: ReturnType<typeof newPair> | undefined
  return {
    fetchDocument: (url) => fetchDocument(url, identity, get),
    certificates: {
      read: async (host) => {
        pair ??= newPair()
        ca ??= openCa(dataDirectory)
        const { privateKey, publicKey } = await pair
        const leaf = ca.certify(host, publicKey)
        if (leaf === undefined) throw new Error(`A vault has the foreign name ${host}.`)
        return { key: privateKey, x5c: [leaf, ca.pem].map(toBase64) }
      },
    },
  }
}

function newPair() {
  return generate('rsa', { modulusLength: 2048 })
}

function toBase64(pem: string): string {
  return new X509Certificate(pem).raw.toString('base64')
}

/** Our own attestation service is asked without a connection; our other hosts attest nothing. */
async function fetchDocument(
  address: string,
  identity: Pick<Identity, 'readAttestationDocument'>,
  get: typeof fetch,
): Promise<unknown> {
  const url = new URL(address)
  if (url.protocol !== 'https:') throw new Error('not https')
  const own = findService(url.host)
  if (own?.service === 'attestation') return identity.readAttestationDocument(url)
  if (own) throw new Error('not an attestation service')
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const answer = await get(url, { redirect: 'error', signal })
  if (!answer.ok || !answer.body) throw new Error(`status ${answer.status}`)
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of answer.body) {
    sizeBytes += part.length
    if (sizeBytes > ANSWER_LIMIT_BYTES) throw new Error('too large')
    parts.push(part)
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'))
}
