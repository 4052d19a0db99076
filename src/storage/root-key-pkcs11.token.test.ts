import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newGuid } from '../base/ids.ts'
import { Sealed } from '../base/sealed.ts'
import { CKA, CKO, HsmToken } from '../pkcs11/index.ts'
import {
  findSoftHsm,
  SOFT_HSM_ABSENT,
  type SoftHsm,
  startSoftHsm,
} from '../pkcs11/testing/index.ts'
import { toIdBytes } from './aead.ts'
import { makeCheck, type RootKeyRecord } from './root-key.ts'
import { tokenSource } from './root-key-pkcs11.ts'

const modulePath = findSoftHsm()
let hsm: SoftHsm
let token: HsmToken

beforeAll(async () => {
  if (!modulePath) return
  hsm = startSoftHsm(modulePath)
  Object.assign(process.env, hsm.env)
  for (const label of ['root', 'other']) hsm.makeToken(label)
  token = await open('root')
})
afterAll(async () => {
  await token?.close()
  hsm?.remove()
})

const open = (label: string) =>
  HsmToken.open({ modulePath: hsm.modulePath, token: label, pin: new Sealed(hsm.pin) })
const real = test.skipIf(!modulePath)
if (!modulePath) test.skip(SOFT_HSM_ABSENT, () => undefined)

const place = {
  dataDirectory: '/data',
  secrets: { passphrase: async () => new Sealed('never asked') },
}

async function make() {
  const source = tokenSource(async () => token)
  const id = newGuid()
  const { key, parameters } = await source.create(place, id)
  const check = await makeCheck(key)
  const record: RootKeyRecord = { id, provider: 'pkcs11', createdAtMs: 1, check, parameters }
  return { source, key, record }
}

real('a data key opens for its place alone, and the root key cannot be read', async () => {
  const { key, record } = await make()
  const bytes = randomBytes(32)
  const wrapped = await key.wrap('here', bytes)
  expect(wrapped.includes(bytes)).toBe(false)
  expect(await key.unwrap('here', wrapped)).toEqual(bytes)
  expect(key.material).toBeUndefined()

  const flipped = Buffer.from(wrapped)
  flipped[40] = (flipped[40] ?? 0) ^ 1
  const other = await make()
  for (const work of [
    () => key.unwrap('there', wrapped),
    () => key.unwrap('here', flipped),
    () => key.unwrap('here', wrapped.subarray(0, 30)),
    () => other.key.unwrap('here', wrapped),
  ]) {
    await expect(Promise.resolve().then(work)).rejects.toMatchObject({ code: 'SealBroken' })
  }
  const ref = { class: CKO.secretKey, id: toIdBytes(record.id) }
  const [value, sensitive, extractable] = await token.read(ref, [
    CKA.value,
    CKA.sensitive,
    CKA.extractable,
  ])
  expect([value, sensitive?.[0], extractable?.[0]]).toEqual([undefined, 1, 0])
})

real('a record finds its key again, in its own token alone, until it is discarded', async () => {
  const { source, key, record } = await make()
  const wrapped = await key.wrap('here', Buffer.from('data key'))
  const found = await source.open(place, record)
  expect(await found?.unwrap('here', wrapped)).toEqual(Buffer.from('data key'))

  const other = await open('other')
  const elsewhere = tokenSource(async () => other)
  expect(await elsewhere.open(place, record)).toBeUndefined()
  expect(elsewhere.explain(place, record)).toContain('"root"')
  await other.close()

  await source.discard(place, record, [])
  expect(await source.open(place, record)).toBeUndefined()
})
