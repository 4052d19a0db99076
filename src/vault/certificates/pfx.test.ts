import { generateKeyPairSync } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Fault } from '../../base/fault.ts'
import { readPfx, writePfx } from './pfx.ts'
import { selfSign } from './x509.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const holder = { subject: 'CN=a', names: {}, ekus: [], keyUsage: [], isAuthority: false }
const certificate = selfSign(holder, privateKey, { notBeforeMs: 0, expiresAtMs: 4e12 })
const key = privateKey.export({ format: 'der', type: 'pkcs8' })
const pfx = writePfx({ key, certificates: [certificate] })

test('what was written is read again', () => {
  expect(readPfx(pfx, '')).toEqual({ key, certificates: [certificate] })
  const bare = writePfx({ key: undefined, certificates: [certificate, certificate] })
  expect(readPfx(bare, '').certificates).toHaveLength(2)
  expect(readPfx(bare, '').key).toBeUndefined()
})

/** The one thing a reader may throw for what came from outside. */
function faultOf(work: () => unknown): unknown {
  try {
    work()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(Fault)
    return (thrown as Fault).code
  }
  return undefined
}

test('a changed, cut or foreign file is refused as such and never opens', () => {
  const at = fc.integer({ min: 0, max: pfx.length - 1 })
  fc.assert(
    fc.property(at, fc.integer({ min: 1, max: 255 }), (index, change) => {
      const changed = Buffer.from(pfx)
      changed[index] = (changed[index] ?? 0) ^ change
      expect(['CertificateUnreadable', undefined]).toContain(faultOf(() => readPfx(changed, '')))
      expect(faultOf(() => readPfx(pfx.subarray(0, index), ''))).toBe('CertificateUnreadable')
    }),
    { numRuns: 60 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      expect(faultOf(() => readPfx(Buffer.from(bytes), ''))).toBe('CertificateUnreadable')
    }),
  )
})
