import { command } from '../command.ts'
import { secretsOf } from '../secrets.ts'

export const rootKeyCommands = [
  command(
    'init [--root-key <provider>]',
    'Make a new data directory and choose what its data is sealed with.',
    async ({ rootKey }, { common, terminal }) => {
      const { initDataDirectory, toProvider } = await import('../../server/index.ts')
      const provider = toProvider(rootKey ?? 'file')
      return initDataDirectory(common.data, provider, await secretsOf(terminal))
    },
    {
      help: {
        'root-key':
          'file: a key in root.key, made now (the default). passphrase: asked for now and at every start.',
      },
      examples: ['sluice init --root-key passphrase', 'sluice init --data ./estate'],
    },
  ),
  command(
    'root-key show',
    'Show which root key the data directory has; nothing of it is secret.',
    async (_options, { common }) => {
      const { showRootKey } = await import('../../server/index.ts')
      return showRootKey(common.data)
    },
  ),
  command(
    'root-key rotate [--to <provider>]',
    'Put a new root key in the place of the old one; servers go on meanwhile.',
    async ({ to }, { common, terminal }) => {
      const { rotateRootKey, toProvider } = await import('../../server/index.ts')
      const provider = to === undefined ? undefined : toProvider(to)
      return rotateRootKey(common.data, provider, await secretsOf(terminal))
    },
    {
      help: { to: 'The kind of the new root key (default: as it is).' },
      examples: ['sluice root-key rotate', 'sluice root-key rotate --to passphrase'],
    },
  ),
  command(
    'root-key rotate-data-keys [--vault-name <vault>]',
    'Make new data keys and seal what is stored with them; servers go on meanwhile.',
    async ({ vaultName }, { common, terminal }) => {
      const { rotateDataKeys } = await import('../../server/index.ts')
      return rotateDataKeys(common.data, vaultName, await secretsOf(terminal))
    },
    {
      help: { 'vault-name': 'Only the data key of this vault (default: all).' },
      examples: ['sluice root-key rotate-data-keys --vault-name kv-demo'],
    },
  ),
]
