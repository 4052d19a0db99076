import { Fault } from '../../base/fault.ts'
import { json } from '../../http/reply.ts'
import { propertyWrong, type VaultFaultCode } from '../faults.ts'
import { readBody } from '../objects/attributes.ts'
import { type HsmOperation, hsmOperation } from './operation.ts'
import { type HsmState, putSetting } from './state.ts'

/** The setting that lets the resource manager make and read keys. */
export const ARM_SETTING = 'AllowKeyManagementOperationsThroughARM'

/** The settings there are, with what they are until they are changed (key-vault.md §16). */
const DEFAULTS: Readonly<Record<string, string>> = {
  [ARM_SETTING]: 'false',
}

/** The name as it is written by the vendor. @throws Fault `SettingNotFound`; its text is not documented */
function readSettingName(name: string): string {
  const found = Object.keys(DEFAULTS).find((known) => known.toLowerCase() === name.toLowerCase())
  if (found) return found
  throw new Fault<VaultFaultCode>('SettingNotFound', 'Requested setting not found')
}

function toSettingBody(name: string, { settings }: Pick<HsmState, 'settings'>): object {
  return { name, type: 'boolean', value: settings.get(name) ?? DEFAULTS[name] }
}

/** Settings of a managed HSM. */
export const settingOperations: readonly HsmOperation[] = [
  hsmOperation(
    'GetSettings',
    { method: 'GET', path: '/settings' },
    { dataAction: 'settings/read/action', audit: 'SettingList', needsActivation: false },
    (_call, { hsm }) =>
      json(200, { settings: Object.keys(DEFAULTS).map((name) => toSettingBody(name, hsm.state)) }),
  ),
  hsmOperation(
    'GetSetting',
    { method: 'GET', path: '/settings/:setting' },
    { dataAction: 'settings/read/action', audit: 'SettingGet', needsActivation: false },
    ({ params }, { hsm }) => json(200, toSettingBody(readSettingName(params.setting), hsm.state)),
  ),
  hsmOperation(
    'UpdateSetting',
    { method: 'PATCH', path: '/settings/:setting' },
    { dataAction: 'settings/write/action', audit: 'SettingUpdate' },
    async (call, { vault, hsm }) => {
      const name = readSettingName(call.params.setting)
      const { value } = readBody(await call.readJson())
      const text = String(value ?? '').toLowerCase()
      if (text !== 'true' && text !== 'false') throw propertyWrong('value')
      await hsm.change((tx) => putSetting(tx, vault.dataId, { name, value: text }))
      return json(200, { name, type: 'boolean', value: text })
    },
  ),
]
