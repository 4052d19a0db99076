import { command } from '../command.ts'
import { tokenHelp, toTokenChoice } from '../hsm-token.ts'
import { maintenance } from '../maintenance.ts'
import { secretsOf } from '../secrets.ts'

export const rootKeyCommands = [
  command(
    'init [--root-key <provider>] [--pkcs11-module <path>] [--pkcs11-token <label>] [--pkcs11-pin-file <file>]',
    'Make a new data directory and choose what its data is sealed with.',
    async ({ rootKey, ...options }, { common, terminal }) => {
      const { initDataDirectory, toProvider } = await maintenance()
      const provider = toProvider(rootKey ?? 'file')
      const token = toTokenChoice(options)
      return initDataDirectory(common.data, provider, { secrets: await secretsOf(terminal), token })
    },
    {
      help: {
        'root-key':
          'file: a key in root.key, made now (the default). passphrase: asked for now and at every start. pkcs11: a key made in the HSM token, which it never leaves.',
        ...tokenHelp,
      },
      examples: [
        'sluice init --root-key passphrase',
        'sluice init --root-key pkcs11 --pkcs11-module /usr/lib/softhsm/libsofthsm2.so --pkcs11-token sluice --pkcs11-pin-file ./pin',
      ],
    },
  ),
  command(
    'root-key show',
    'Show which root key the data directory has; nothing of it is secret.',
    async (_options, { common }) => {
      const { showRootKey } = await maintenance()
      return showRootKey(common.data)
    },
  ),
  command(
    'root-key rotate [--to <provider>] [--pkcs11-module <path>] [--pkcs11-token <label>] [--pkcs11-pin-file <file>]',
    'Put a new root key in the place of the old one; servers go on meanwhile.',
    async ({ to, ...options }, { common, terminal }) => {
      const { rotateRootKey, toProvider } = await maintenance()
      const provider = to === undefined ? undefined : toProvider(to)
      const token = toTokenChoice(options)
      return rotateRootKey(common.data, provider, { secrets: await secretsOf(terminal), token })
    },
    {
      help: { to: 'The kind of the new root key (default: as it is).', ...tokenHelp },
      examples: ['sluice root-key rotate', 'sluice root-key rotate --to passphrase'],
    },
  ),
  command(
    'root-key rotate-data-keys [--vault-name <vault>]',
    'Make new data keys and seal what is stored with them; servers go on meanwhile.',
    async ({ vaultName }, { common, terminal }) => {
      const { rotateDataKeys } = await maintenance()
      return rotateDataKeys(common.data, vaultName, await secretsOf(terminal))
    },
    {
      help: { 'vault-name': 'Only the data key of this vault (default: all).' },
      examples: ['sluice root-key rotate-data-keys --vault-name kv-demo'],
    },
  ),
]
