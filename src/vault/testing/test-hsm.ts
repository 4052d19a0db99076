import { newGuid } from '../../base/ids.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Database } from '../../storage/database.ts'
import { atRest, findDomain, putDomain } from '../hsm/domain-store.ts'
import { activate, putAssignment } from '../hsm/state.ts'
import type { ObjectTables } from '../objects/tables.ts'
import {
  type Asked,
  CALLER,
  HSM,
  NOON_MS,
  startVault,
  type TestOptions,
  type TestVault,
  tokenOf,
} from './test-vault.ts'

const CRYPTO_USER = '21dbd100-6940-42c2-9190-5d6cb909625b'
const CRYPTO_OFFICER = '515eb02d-2335-4d2d-92f2-b1cbdf9c3778'

/** `[role, principal]` pairs. */
type Given = readonly (readonly [string, string])[]

/**
 * The managed HSM `HSM` behind a real HTTP server: `ask` calls it. It is activated unless told, and the
 * caller, its administrator, is Crypto User and Crypto Officer too.
 */
export async function startHsm(
  options: TestOptions & { readonly activated?: boolean; readonly given?: Given } = {},
): Promise<TestVault> {
  const started = await startVault(options)
  const given: Given = [...(options.given ?? []), [CRYPTO_USER, CALLER], [CRYPTO_OFFICER, CALLER]]
  const scope = await started.sealer.scope(`vault:${HSM.dataId}`)
  const sealed = atRest.sealDomainKey(scope, new Sealed(Buffer.alloc(32, 7)))
  await (started.db as Database<ObjectTables>).write(async (tx) => {
    if (options.activated !== false) {
      // Another process of the same folder has made it before.
      const found = await findDomain(tx, HSM.dataId)
      if (!found) await putDomain(tx, HSM.dataId, { sealed, uploadedAtMs: undefined })
      await activate(tx, HSM.dataId, NOON_MS)
    }
    for (const [roleId, principalId] of given) {
      await putAssignment(tx, HSM.dataId, { id: newGuid(), scope: '/', roleId, principalId })
    }
  })
  const ask = (method: string, path: string, asked: Asked = {}) =>
    started.ask(method, path, {
      host: 'h1.managedhsm.azure.net',
      token: tokenOf({ aud: 'https://managedhsm.azure.net' }),
      ...asked,
    })
  return { ...started, ask }
}
