import { deriveKey, newScryptParameters, readScryptParameters, refuseWeak } from './passphrase.ts'
import { fits, localRootKey, type RootKeySource } from './root-key.ts'

/** The root key made from a passphrase by scrypt; it stands in no file. Tests take a smaller cost. */
export const passphraseSource = (cost?: number): RootKeySource => ({
  provider: 'passphrase',
  create: async ({ secrets }, id) => {
    const passphrase = await secrets.passphrase('new')
    refuseWeak(passphrase)
    const parameters = newScryptParameters(cost)
    const key = localRootKey('passphrase', id, await deriveKey(passphrase, parameters))
    return { key, parameters: { ...parameters } }
  },
  open: async ({ secrets }, record) => {
    const parameters = readScryptParameters(record.parameters)
    const passphrase = await secrets.passphrase('open')
    const key = localRootKey('passphrase', record.id, await deriveKey(passphrase, parameters))
    return (await fits(key, record)) ? key : undefined
  },
  // It left nothing but its record.
  discard: async () => undefined,
  explain: ({ dataDirectory }) =>
    `The passphrase does not fit the data directory ${dataDirectory}. Nothing was changed.`,
})
