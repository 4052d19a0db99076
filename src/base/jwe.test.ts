import { createHmac, createPrivateKey, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { expect, test } from 'vitest'
import {
  decryptDirect,
  decryptWith,
  deriveContentKey,
  encryptDirect,
  encryptFor,
  newContentKey,
} from './jwe.ts'

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 })
const bytes = (buffer: Buffer) => Uint8Array.from(buffer)
const spki = bytes(pair.publicKey.export({ format: 'der', type: 'spki' }))
const pkcs8 = bytes(pair.privateKey.export({ format: 'der', type: 'pkcs8' }))
const text = new TextEncoder().encode('what is protected')

test('A256CBC-HS512 opens the test vector of RFC 7518, appendix B.3', async () => {
  const unhex = (hex: string) => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
  const key = bytes(
    unhex(
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f',
    ),
  )
  // The vector's associated data is no JOSE header, so the tag is made by its rule over ours.
  const iv = unhex('1af38c2dc2b96ffdd86694092341bc04')
  const content = unhex(
    `4affaaadb78c31c5da4b1b590d10ffbd3dd8d5d302423526912da037ecbcc7bd822c301dd67c373bccb584ad3e9279c2e6d12a1374b77f077553df829410446b
     36ebd97066296ae6427ea75c2e0846a11a09ccf5370dc80bfecbad28c73f09b3a3b75e662a2594410ae496b2e2e6609e31e6e02cc837f053d21f37ff4f51950b
     be2638d09dd7a4930930806d0703b1f6`,
  )
  const header = Buffer.from(JSON.stringify({ alg: 'dir', enc: 'A256CBC-HS512' })).toString(
    'base64url',
  )
  const length = Buffer.alloc(8)
  length.writeBigUInt64BE(BigInt(header.length * 8))
  const tag = createHmac('sha512', key.subarray(0, 32))
    .update(Buffer.concat([Buffer.from(header), iv, content, length]))
    .digest()
    .subarray(0, 32)
  const jwe = [header, '', ...[iv, content, tag].map((part) => part.toString('base64url'))].join(
    '.',
  )
  expect(Buffer.from(await decryptDirect(key, jwe)).toString()).toBe(
    'A cipher system must not be required to be secret, and it must be able to fall into the hands of the enemy without inconvenience',
  )
})

test('the derived key is that of SP 800-108 in counter mode with one block', async () => {
  const key = await deriveContentKey(new Uint8Array(32).fill(0x41), 'label')
  const block = Buffer.concat([
    Buffer.from([0, 0, 0, 1]),
    Buffer.from('label\0'),
    Buffer.from([0, 0, 2, 0]),
  ])
  expect(Buffer.from(key)).toEqual(
    createHmac('sha512', Buffer.alloc(32, 0x41)).update(block).digest(),
  )
})

test('what is encrypted for a key opens with it and with no other', async () => {
  const jwe = await encryptFor(spki, text)
  expect(await decryptWith(pkcs8, jwe)).toEqual(text)
  const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  const wrong = bytes(other.export({ format: 'der', type: 'pkcs8' }))
  await expect(decryptWith(wrong, jwe)).rejects.toMatchObject({ code: 'JweBroken' })
})

test('the content key inside is wrapped with OAEP and SHA-256', async () => {
  const [, wrapped = ''] = (await encryptFor(spki, text)).split('.')
  const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
  expect(
    privateDecrypt({ key, oaepHash: 'sha256' }, Buffer.from(wrapped, 'base64url')),
  ).toHaveLength(64)
})

test('a change in any part is noticed', async () => {
  const key = newContentKey()
  const jwe = await encryptDirect(key, 'tag', text)
  expect(await decryptDirect(key, jwe)).toEqual(text)
  const parts = jwe.split('.')
  for (const at of [0, 2, 3, 4]) {
    const part = parts[at] ?? ''
    const changed = (part.startsWith('A') ? 'B' : 'A') + part.slice(1)
    const broken = parts.with(at, changed).join('.')
    await expect(decryptDirect(key, broken), `part ${at}`).rejects.toMatchObject({
      code: 'JweBroken',
    })
  }
  for (const broken of ['', 'a.b', `${jwe}.x`, jwe.replace('.', ''), '!.!.!.!.!']) {
    await expect(decryptDirect(key, broken)).rejects.toMatchObject({ code: 'JweBroken' })
  }
})
