import { randomBytes } from 'node:crypto'
import { Fault } from '../base/fault.ts'
import {
  CKK,
  CKM,
  CKO,
  cannot,
  gcmMechanism,
  type HsmToken,
  type ObjectRef,
  template,
} from '../pkcs11/index.ts'
import { FORMAT, HEADER_BYTES, IV_BYTES, sealBroken, TAG_BYTES, toIdBytes } from './aead.ts'
import { fits, type RootKey, type RootKeySource } from './root-key.ts'

/**
 * The root key that stays in a PKCS#11 token: AES-256, sensitive, never extractable. It wraps data keys
 * in the form of sealed values, with their place as what GCM authenticates; `openToken` throws when there
 * is no token to open.
 */
export function tokenSource(openToken: () => Promise<HsmToken>): RootKeySource {
  return {
    provider: 'pkcs11',
    create: async (_place, id) => {
      const token = await openToken()
      if (!token.can(CKM.aesGcm, 'encrypt')) throw cannot(token.facts.label, 'AES-GCM')
      const made = template({
        ...{ class: CKO.secretKey, keyType: CKK.aes, valueLen: 32 },
        ...{ token: true, private: true, sensitive: true, extractable: false },
        ...{ encrypt: true, decrypt: true },
        ...{ id: toIdBytes(id), label: Buffer.from(`sluice root key ${id}`) },
      })
      await token.generateKey({ type: CKM.aesKeyGen }, made)
      const { label, serial } = token.facts
      return { key: tokenRootKey(token, id), parameters: { token: label, serial } }
    },
    open: async (_place, record) => {
      const token = await openToken()
      if (token.facts.serial !== record.parameters['serial']) return undefined
      if (!(await token.has(refOf(record.id)))) return undefined
      const key = tokenRootKey(token, record.id)
      return (await fits(key, record)) ? key : undefined
    },
    discard: async (_place, record) => {
      const token = await openToken()
      if (token.facts.serial === record.parameters['serial']) {
        await token.destroy(toIdBytes(record.id))
      }
    },
    explain: ({ dataDirectory }, { id, parameters }) =>
      `The root key ${id} of ${dataDirectory} is not in the configured HSM token; it was made in "${parameters['token']}" (serial ${parameters['serial']}). Configure that token. Nothing was changed.`,
  }
}

function tokenRootKey(token: HsmToken, id: string): RootKey {
  const ref = refOf(id)
  const head = Buffer.concat([Buffer.of(FORMAT), ref.id])
  return {
    provider: 'pkcs11',
    id,
    wrap: async (place, bytes) => {
      const iv = randomBytes(IV_BYTES)
      const sealed = await token.encrypt(ref, gcmMechanism(iv, Buffer.from(place)), bytes)
      return Buffer.concat([head, iv, sealed])
    },
    unwrap: async (place, wrapped) => {
      const bytes = Buffer.from(wrapped)
      const isOurs = bytes.subarray(0, head.length).equals(head)
      if (!isOurs || bytes.length < HEADER_BYTES + TAG_BYTES) throw sealBroken()
      const mechanism = gcmMechanism(bytes.subarray(head.length, HEADER_BYTES), Buffer.from(place))
      try {
        return await token.decrypt(ref, mechanism, bytes.subarray(HEADER_BYTES))
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.code === 'HsmInputWrong') throw sealBroken()
        throw thrown
      }
    },
  }
}

function refOf(id: string): ObjectRef {
  return { class: CKO.secretKey, id: toIdBytes(id) }
}
