import { X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openCa } from '../network/index.ts'
import { releasePorts } from './release-ports.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-release-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const identity = { readAttestationDocument: async (url: URL) => ({ own: url.pathname }) }

/** The ports with answers from outside, and what was asked there. */
function open(answer: () => Response) {
  const asked: { url: string; init: RequestInit | undefined }[] = []
  const get: typeof fetch = async (url, init) => {
    asked.push({ url: String(url), init })
    return answer()
  }
  return { ...releasePorts(folder, identity, get), asked }
}

test('an outside authority is asked over https, without redirects and with an end', async () => {
  const { fetchDocument, asked } = open(() => Response.json({ keys: [] }))
  const url = 'https://sharedweu.weu.attest.azure.net/certs'
  expect(await fetchDocument(url)).toEqual({ keys: [] })
  expect(asked).toEqual([{ url, init: { redirect: 'error', signal: expect.any(AbortSignal) } }])
})

test('our own attestation service is asked without a connection, on any port', async () => {
  const { fetchDocument, asked } = open(() => Response.json({}))
  for (const host of ['sluice.attest.azure.net', 'attest.sluice.localhost:8443']) {
    expect(await fetchDocument(`https://${host}/certs`)).toEqual({ own: '/certs' })
  }
  expect(asked).toEqual([])
})

test.each([
  ['http', 'http://a.test/certs', () => Response.json({})],
  ['a host of ours that attests nothing', 'https://127.0.0.1:9/', () => Response.json({})],
  ['our token service', 'https://login.microsoftonline.com/x', () => Response.json({})],
  ['a failure', 'https://a.test/', () => Response.json({}, { status: 404 })],
  ['no JSON', 'https://a.test/', () => new Response('<html>')],
  ['an answer without end', 'https://a.test/', () => new Response(endless())],
])('%s gives no document', async (_what, url, answer) => {
  await expect(open(answer).fetchDocument(url)).rejects.toThrow()
})

function endless(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)),
  })
}

test('what a vault signs is verified with a certificate for its host from the local authority', async () => {
  const { certificates } = open(() => Response.json({}))
  const { key, x5c } = await certificates.read('kv1.vault.azure.net')
  const [leaf, root] = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')))
  expect(leaf?.checkPrivateKey(key)).toBe(true)
  expect(leaf?.checkHost('kv1.vault.azure.net')).toBe('kv1.vault.azure.net')
  expect(root?.toString().trim()).toBe(openCa(folder).pem.trim())
  expect(root && leaf?.verify(root.publicKey)).toBe(true)
  await expect(certificates.read('example.com')).rejects.toThrow()
})
