import type { Database } from '../../storage/database.ts'
import { putAssignment } from '../hsm/state.ts'
import type { ObjectTables } from '../objects/tables.ts'
import type { HsmResource } from '../ports.ts'
import { type Holder, makeHolder, recover } from './test-domain.ts'
import {
  type Answer,
  type Asked,
  CALLER,
  HSM,
  startVault,
  type TestVault,
  tokenOf,
} from './test-vault.ts'

const CRYPTO_USER = '21dbd100-6940-42c2-9190-5d6cb909625b'
const CRYPTO_OFFICER = '515eb02d-2335-4d2d-92f2-b1cbdf9c3778'

/** A second managed HSM, not activated. */
export const SECOND: HsmResource = {
  ...HSM,
  id: HSM.id.replace('h1', 'h2'),
  name: 'h2',
  dataId: 'da7a0000-0000-4000-8000-0000000000f2',
}

/** Two managed HSMs, neither activated, whose administrator may also use keys. */
export interface TestHsms extends TestVault {
  readonly holders: readonly Holder[]
  /** Asks `h1`, or the HSM that is named. */
  askHsm(method: string, path: string, body?: unknown, hsm?: string, asked?: Asked): Promise<Answer>
  /** Downloads the domain of `h1`, or of the one named, for the three holders, two required. */
  download(hsm?: string): Promise<string>
  /** Brings a domain's file into the HSM by these holders. */
  upload(file: string, holders: readonly Holder[], hsm: string): Promise<Answer>
  /** Polls a job that was begun until it has ended. */
  ended(begun: Answer): Promise<Answer['body']>
}

// Keys are slow to make and the same three serve every test.
const three = [makeHolder(), makeHolder(), makeHolder()]

export async function startHsms(): Promise<TestHsms> {
  const one = await startVault()
  one.put(SECOND)
  const askHsm: TestHsms['askHsm'] = (method, path, body, hsm = 'h1', asked = {}) =>
    one.ask(method, path, {
      host: `${hsm}.managedhsm.azure.net`,
      token: tokenOf({ aud: 'https://managedhsm.azure.net' }),
      version: '7.5',
      ...(body !== undefined && { body }),
      ...asked,
    })
  for (const { dataId } of [HSM, SECOND]) {
    await (one.db as Database<ObjectTables>).write(async (tx) => {
      for (const roleId of [CRYPTO_USER, CRYPTO_OFFICER]) {
        const made = { id: crypto.randomUUID(), scope: '/', roleId, principalId: CALLER }
        await putAssignment(tx, dataId, made)
      }
    })
  }
  return {
    ...one,
    holders: three,
    askHsm,
    download: async (hsm) => {
      const body = { certificates: three.map(({ jwk }) => jwk), required: 2 }
      return (await askHsm('POST', '/securitydomain/download', body, hsm)).body.value
    },
    upload: async (file, holders, hsm) => {
      const { transfer_key } = (await askHsm('GET', '/securitydomain/upload', undefined, hsm)).body
      const value = await recover(file, holders, transfer_key)
      return askHsm('POST', '/securitydomain/upload', { value }, hsm)
    },
    ended: async (begun) => {
      const url = new URL(String(begun.headers['azure-asyncoperation']))
      const hsm = url.hostname.split('.')[0]
      for (;;) {
        const { body } = await askHsm('GET', url.pathname + url.search, undefined, hsm)
        if (body.status !== 'InProgress') return body
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
  }
}
