import { execFileSync } from 'node:child_process'
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { type Answer, startVault, type TestVault } from '../testing/test-vault.ts'

let one: TestVault
let exchange: Answer
beforeEach(async () => {
  one = await startVault()
  exchange = await create({ kty: 'RSA-HSM', key_ops: ['import'] })
})
afterEach(() => one.close())

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-byok-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => path.join(folder, name)
const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' })
const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const pkcs8 = (key: KeyObject) => key.export({ format: 'der', type: 'pkcs8' })

const create = (body: object, name = 'kek') => one.ask('POST', `/keys/${name}/create`, { body })
const importKey = (key: object, more: object = {}) =>
  one.ask('PUT', '/keys/mine', { body: { key, Hsm: true, ...more } })

/** Wraps as the tools for bringing an own key do, with OpenSSL alone. */
function wrap(plain: Buffer, hash = 'sha1'): Buffer {
  const key = createPublicKey({ key: { ...exchange.body.key, kty: 'RSA' }, format: 'jwk' })
  const aesKey = randomBytes(32)
  writeFileSync(at('kek.pem'), key.export({ format: 'pem', type: 'spki' }))
  writeFileSync(at('aes'), aesKey)
  writeFileSync(at('plain'), plain)
  const oaep = ['-pkeyopt', 'rsa_padding_mode:oaep', '-pkeyopt', `rsa_oaep_md:${hash}`]
  openssl(
    'pkeyutl',
    '-encrypt',
    '-pubin',
    '-inkey',
    at('kek.pem'),
    ...oaep,
    '-in',
    at('aes'),
    '-out',
    at('head'),
  )
  const secret = ['-K', aesKey.toString('hex'), '-iv', 'A65959A6']
  openssl('enc', '-id-aes256-wrap-pad', ...secret, '-in', at('plain'), '-out', at('tail'))
  return Buffer.concat([readFileSync(at('head')), readFileSync(at('tail'))])
}

function blobOf(ciphertext: Buffer, header: object = {}): string {
  const kid = exchange.body.key.kid
  return encode({
    schema_version: '1.0.0',
    header: { kid, alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP', ...header },
    ciphertext: ciphertext.toString('base64url'),
    generator: 'a tool',
  })
}

test('an RSA key brought in a transfer blob signs', async () => {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key_hsm = blobOf(wrap(pkcs8(privateKey)))
  const answer = await importKey({ kty: 'RSA-HSM', key_ops: ['sign'], key_hsm })
  expect(answer).toMatchObject({
    status: 200,
    body: { key: { kty: 'RSA-HSM', key_ops: ['sign'], n: publicKey.export({ format: 'jwk' }).n } },
  })
  const digest = createHash('sha256').update('x').digest('base64url')
  const body = { alg: 'RS256', value: digest }
  expect((await one.ask('POST', '/keys/mine/sign', { body })).status).toBe(200)
})

test.each(['P-256', 'P-521', 'secp256k1'])('an EC key on %s is brought in', async (namedCurve) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve })
  const wrapped = wrap(pkcs8(privateKey), 'sha256')
  const key_hsm = blobOf(wrapped, { enc: 'RSA_AES_KEY_WRAP_256' })
  const answer = await importKey({ kty: 'EC-HSM', key_hsm })
  expect(answer.body.key).toMatchObject({ kty: 'EC-HSM', x: publicKey.export({ format: 'jwk' }).x })
})

test('a symmetric key is brought in', async () => {
  const answer = await importKey({ kty: 'oct', key_hsm: blobOf(wrap(randomBytes(32))) })
  expect(answer.body.key).toMatchObject({ kty: 'oct-HSM' })
})

test('a key brought in can be exportable', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const rule = { authority: 'https://a.test', allOf: [{ claim: 'a', equals: 'b' }] }
  const more = {
    attributes: { exportable: true },
    release_policy: { data: encode({ version: '1.0.0', anyOf: [rule] }) },
  }
  const key_hsm = blobOf(wrap(pkcs8(privateKey)))
  expect((await importKey({ kty: 'EC-HSM', key_hsm }, more)).body.attributes.exportable).toBe(true)
})

test('a blob for another key, of another make or cut short is refused in words', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const good = wrap(pkcs8(privateKey))
  const other = exchange.body.key.kid.replace('v1.', 'v2.')
  for (const [key, text] of [
    [{ key_hsm: 'AAAA' }, 'key_hsm'],
    [{ key_hsm: blobOf(good, { enc: 'x' }) }, 'header is not known'],
    [{ key_hsm: blobOf(good, { kid: other }) }, 'none of this vault'],
    [{ key_hsm: blobOf(good.subarray(0, -8)) }, 'cannot be unwrapped'],
    [{ key_hsm: blobOf(Buffer.alloc(300)) }, 'cannot be unwrapped'],
    [{ key_hsm: blobOf(good, { enc: 'RSA_AES_KEY_WRAP_256' }) }, 'cannot be unwrapped'],
    [{ kty: 'RSA-HSM', key_hsm: blobOf(good) }, 'no RSA key'],
    [{ key_hsm: blobOf(wrap(Buffer.from('no key'))) }, 'no EC key'],
  ] as const) {
    const answer = await importKey({ kty: 'EC-HSM', ...key })
    expect(answer).toMatchObject({ status: 400, body: { error: { code: 'BadParameter' } } })
    expect(answer.body.error.message).toContain(text)
  }
})

test('only a key that is for imports takes a blob', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const key_hsm = () => blobOf(wrap(pkcs8(privateKey)))
  exchange = await create({ kty: 'RSA-HSM' }, 'usual')
  expect(await importKey({ kty: 'EC-HSM', key_hsm: key_hsm() })).toMatchObject({
    status: 403,
    body: { error: { innererror: { code: 'KeyOperationForbidden' } } },
  })
  exchange = await create({ kty: 'RSA-HSM', key_ops: ['import'], attributes: { enabled: false } })
  expect((await importKey({ kty: 'EC-HSM', key_hsm: key_hsm() })).body.error).toMatchObject({
    innererror: { code: 'KeyDisabled' },
  })
})
