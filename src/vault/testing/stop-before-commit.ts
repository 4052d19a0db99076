// A process for tests: makes a key in a token and stops for good before its row is written.
import { text } from 'node:stream/consumers'
import { Sealed } from '../../base/sealed.ts'
import { HsmToken } from '../../pkcs11/index.ts'
import type { VaultStore } from '../context.ts'
import { makeMaterial } from '../keys/custody.ts'
import { startVault, VAULT } from './test-vault.ts'

const [folder = '', modulePath = '', token = ''] = process.argv.slice(2)
const pin = new Sealed(await text(process.stdin))
const hsmToken = await HsmToken.open({ modulePath, token, pin })
const { db, sealer, clock } = await startVault({ folder, hsmToken })
const store = { db, sealer, hsmToken } as unknown as VaultStore
const call = { store, vault: VAULT, nowMs: clock.nowMs() }
await makeMaterial(call, { kty: 'EC-HSM', crv: 'P-256' }, { name: 'k', keyOps: undefined })
process.stdout.write('made\n')
setInterval(() => undefined, 60_000)
