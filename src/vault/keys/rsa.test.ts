import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { pkcs1Sign, pkcs1Verify, pssSign, pssVerify } from './rsa.ts'

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

test('a signature that begins with zero counts only with its zero', () => {
  for (const [sign, verify] of [
    [pkcs1Sign, pkcs1Verify],
    [pssSign, pssVerify],
  ] as const) {
    let signature: Buffer = Buffer.from([1])
    let digest: Buffer = Buffer.alloc(0)
    while (signature[0] !== 0) {
      digest = randomBytes(32)
      signature = sign(privateKey, 'sha256', digest)
    }
    expect(verify(privateKey, 'sha256', digest, signature)).toBe(true)
    expect(verify(privateKey, 'sha256', digest, signature.subarray(1))).toBe(false)
    expect(verify(privateKey, 'sha256', digest, Buffer.concat([Buffer.alloc(1), signature]))).toBe(
      false,
    )
  }
})
