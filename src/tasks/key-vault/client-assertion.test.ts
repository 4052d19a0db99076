import { createHash, generateKeyPairSync, sign, verify, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import { clientAssertion } from './client-assertion.ts'

/** One element of ASN.1 DER (X.690 §8.1). */
function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 128 ? [length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

/** The smallest certificate there is (X.509 version 1) and its key, as a connection keeps them. */
function pemOfCertificate(): string {
  const [SEQUENCE, SET, INTEGER, OID, TIME, BITS] = [0x30, 0x31, 0x02, 0x06, 0x17, 0x03]
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const sha256WithRsa = Buffer.from('2a864886f70d01010b', 'hex')
  const algorithm = der(SEQUENCE, der(OID, sha256WithRsa), der(0x05))
  const commonName = der(
    SEQUENCE,
    der(OID, Buffer.from('550403', 'hex')),
    der(0x0c, Buffer.from('c')),
  )
  const name = der(SEQUENCE, der(SET, commonName))
  const validity = der(
    SEQUENCE,
    der(TIME, Buffer.from('200101000000Z')),
    der(TIME, Buffer.from('490101000000Z')),
  )
  const key = publicKey.export({ type: 'spki', format: 'der' })
  const body = der(SEQUENCE, der(INTEGER, Buffer.from([1])), algorithm, name, validity, name, key)
  const signature = der(BITS, Buffer.from([0]), sign('sha256', body, privateKey))
  const certificate = new X509Certificate(der(SEQUENCE, body, algorithm, signature))
  return `${privateKey.export({ type: 'pkcs8', format: 'pem' })}${certificate.toString()}`
}

test('an assertion is signed by the key and names the certificate by its SHA-1', () => {
  const pem = pemOfCertificate()
  const nowMs = 1_700_000_000_500
  const jwt = clientAssertion(
    new Sealed(pem),
    'client-1',
    {
      audience: 'https://login.test/t/oauth2/token',
      thumbprintEncoding: 'base64',
      validForMs: 1e6,
    },
    nowMs,
  ).open()
  const [header = '', claims = '', signature = ''] = jwt.split('.')
  const certificate = new X509Certificate(pem)

  const signed = Buffer.from(`${header}.${claims}`)
  const bytes = Buffer.from(signature, 'base64url')
  expect(verify('sha256', signed, certificate.publicKey, bytes)).toBe(true)
  expect(read(header)).toEqual({
    alg: 'RS256',
    typ: 'JWT',
    x5t: createHash('sha1').update(certificate.raw).digest('base64'),
  })
  expect(read(claims)).toEqual({
    aud: 'https://login.test/t/oauth2/token',
    iss: 'client-1',
    sub: 'client-1',
    jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    nbf: 1_699_999_000,
    exp: 1_700_001_000,
  })
})

function read(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString())
}
