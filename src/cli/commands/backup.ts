import path from 'node:path'
import { command } from '../command.ts'
import { tokenHelp, toTokenChoice } from '../hsm-token.ts'
import { maintenance } from '../maintenance.ts'
import { secretsOf } from '../secrets.ts'

export const backupCommands = [
  command(
    'backup create --file|-f <file>',
    'Write everything that the data directory keeps into one sealed file; servers go on meanwhile.',
    async ({ file }, { common, terminal }) => {
      const { createBackup } = await maintenance()
      const secrets = await secretsOf(terminal)
      return createBackup(common.data, path.resolve(file), { secrets })
    },
    {
      help: { file: 'The backup to write; it must not exist.' },
      examples: ['sluice backup create --file sluice-monday.backup'],
    },
  ),
  command(
    'backup verify --file|-f <file>',
    'Read a backup to its end and check every byte of it.',
    async ({ file }, { terminal }) => {
      const { verifyBackup } = await maintenance()
      return verifyBackup(path.resolve(file), await secretsOf(terminal))
    },
    { help: { file: 'The backup to read.' } },
  ),
  command(
    'backup restore --file|-f <file> [--root-key <provider>] [--pkcs11-module <path>] [--pkcs11-token <label>] [--pkcs11-pin-file <file>]',
    'Make a new data directory from a backup, with a root key of its own.',
    async ({ file, rootKey, ...options }, { common, terminal }) => {
      const { restoreBackup, toProvider } = await maintenance()
      const provider = toProvider(rootKey ?? 'file')
      const secrets = await secretsOf(terminal)
      const token = toTokenChoice(options)
      return restoreBackup(path.resolve(file), common.data, { secrets, provider, token })
    },
    {
      help: {
        file: 'The backup to read.',
        'root-key':
          'What the new directory is sealed with: file (the default), passphrase or pkcs11.',
        ...tokenHelp,
      },
      examples: ['sluice backup restore --file sluice-monday.backup --data ./restored'],
    },
  ),
]
