import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import { CKK, CKM, CKO, HsmToken, template } from './index.ts'
import { findSoftHsm, SOFT_HSM_ABSENT, type SoftHsm, startSoftHsm } from './testing/index.ts'

const modulePath = findSoftHsm()
const hsm: SoftHsm | undefined = modulePath ? startSoftHsm(modulePath) : undefined
afterAll(() => hsm?.remove())

test('a token that is pulled gives a clear fault, and is used again when it is back', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  Object.assign(process.env, hsm.env)
  hsm.makeToken('pulled')
  const pin = new Sealed(hsm.pin)
  const token = await HsmToken.open({ modulePath: hsm.modulePath, token: 'pulled', pin })
  const id = randomBytes(16)
  const ref = { class: CKO.secretKey, id }
  const made = { class: CKO.secretKey, keyType: CKK.genericSecret, valueLen: 32 }
  const uses = { token: true, private: true, sensitive: true, extractable: false, sign: true }
  await token.generateKey({ type: CKM.genericSecretKeyGen }, template({ ...made, ...uses, id }))
  const sign = () => token.sign(ref, { type: CKM.sha256Hmac }, Buffer.from('text'))
  const mac = await sign()

  const away = path.join(hsm.tokens, '..', 'away')
  mkdirSync(away)
  const names = readdirSync(hsm.tokens)
  for (const name of names) renameSync(path.join(hsm.tokens, name), path.join(away, name))
  const fault = await sign().catch((thrown: unknown) => thrown as Fault)
  expect(fault).toMatchObject({
    code: 'HsmUnavailable',
    message: expect.stringContaining('pulled'),
  })

  for (const name of names) renameSync(path.join(away, name), path.join(hsm.tokens, name))
  await expect.poll(() => sign().catch(() => undefined), { timeout: 20_000 }).toEqual(mac)
  await token.close()
})
