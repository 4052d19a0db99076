import { Fault } from '../../base/fault.ts'
import { isObject, readObject, readString } from '../../base/json.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { Client } from '../../client/index.ts'
import { toFlag } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'

const FIRST_POLL_MS = 50
const MOST_POLL_MS = 2000

const STORAGE =
  '[--storage-resource-uri <uri>] [--storage-account-name <name>] [--blob-container-name <name>] [--storage-container-SAS-token|-t <token>] [--use-managed-identity <bool>]'

const STORAGE_HELP = {
  'storage-resource-uri':
    'The blob container, for example https://account.blob.core.windows.net/container.',
  'storage-container-SAS-token':
    'What opens the container. Read from stdin when absent, which keeps it out of the argument list.',
} as const

export const hsmBackupCommands = [
  command(
    `keyvault backup start --hsm-name <hsm> ${STORAGE}`,
    'Write a full backup of a managed HSM into a blob container.',
    async (options, context) => {
      const body = await storageOf(options, context)
      const { client } = await context.session()
      const ask = { method: 'POST', body }
      const ended = await finish(client, options.hsmName, 'backup', ['/backup', ask])
      return { folderUrl: ended['azureStorageBlobContainerUri'] ?? null, status: ended['status'] }
    },
    {
      help: STORAGE_HELP,
      examples: [
        'sluice keyvault backup start --hsm-name hsm-demo --storage-account-name account --blob-container-name backups < sas.txt',
      ],
    },
  ),
  command(
    `keyvault restore start --hsm-name <hsm> --backup-folder <folder> [--key-name|--key <name>] ${STORAGE}`,
    'Restore a managed HSM, or one of its keys, from a full backup. A full restore replaces all it holds.',
    restore,
    {
      help: {
        ...STORAGE_HELP,
        'backup-folder': 'The folder in the container, as backup start named it.',
        'key-name': 'Restore this key alone; its name must be free.',
      },
      examples: [
        'sluice keyvault restore start --hsm-name hsm-new --backup-folder mhsm-hsm-demo-2026110512000000 --storage-resource-uri https://account.blob.core.windows.net/backups < sas.txt',
      ],
    },
  ),
]

interface StorageOptions {
  readonly hsmName: string
  readonly storageResourceUri?: string
  readonly storageAccountName?: string
  readonly blobContainerName?: string
  readonly storageContainerSASToken?: string
  readonly useManagedIdentity?: string
}

interface RestoreOptions extends StorageOptions {
  readonly backupFolder: string
  readonly keyName?: string
}

async function restore(options: RestoreOptions, context: CommandContext): Promise<undefined> {
  const { hsmName, backupFolder, keyName } = options
  const sasTokenParameters = await storageOf(options, context)
  const { client } = await context.session()
  const [path, body] =
    keyName === undefined
      ? ['/restore', { sasTokenParameters, folderToRestore: backupFolder }]
      : [
          `/keys/${encodeURIComponent(keyName)}/restore`,
          { sasTokenParameters, folder: backupFolder },
        ]
  await finish(client, hsmName, 'restore', [path, { method: 'PUT', body }])
  return undefined
}

async function storageOf(options: StorageOptions, { terminal }: CommandContext): Promise<object> {
  const storageResourceUri = uriOf(options)
  const useManagedIdentity = toFlag(options.useManagedIdentity, '--use-managed-identity')
  if (useManagedIdentity) return { storageResourceUri, useManagedIdentity }
  if (options.storageContainerSASToken === undefined && !terminal.hasStdin) {
    throw usage('Give the SAS token on stdin, or by --storage-container-SAS-token.')
  }
  const token: string | Sealed = options.storageContainerSASToken ?? (await terminal.readStdin())
  const text = typeof token === 'string' ? token : token.open()
  return { storageResourceUri, token: text.trim(), useManagedIdentity: false }
}

function uriOf(options: StorageOptions): string {
  const { storageResourceUri, storageAccountName, blobContainerName } = options
  if (storageResourceUri !== undefined) {
    if (storageAccountName === undefined && blobContainerName === undefined) {
      return storageResourceUri
    }
    throw usage(
      'Please do not specify --storage-account-name or --blob-container-name if --storage-resource-uri is specified.',
    )
  }
  if (storageAccountName === undefined) throw usage('Please specify --storage-account-name')
  if (blobContainerName === undefined) throw usage('Please specify --blob-container-name')
  return `https://${storageAccountName}.blob.core.windows.net/${blobContainerName}`
}

/** Begins a job and waits until it has ended. @throws Fault `JobFailed` with the service's reason */
async function finish(
  client: Client,
  hsm: string,
  kind: 'backup' | 'restore',
  begin: readonly [path: string, ask: { readonly method: string; readonly body: unknown }],
): Promise<Readonly<Record<string, unknown>>> {
  let job = readObject(await client.hsm(hsm, ...begin), 'The job')
  const id = readString(job['jobId'], 'jobId')
  for (let waitMs = FIRST_POLL_MS; job['status'] === 'InProgress'; ) {
    await new Promise((resolve) => setTimeout(resolve, waitMs))
    waitMs = Math.min(waitMs * 2, MOST_POLL_MS)
    job = readObject(await client.hsm(hsm, `/${kind}/${id}/pending`), 'The job')
  }
  if (job['status'] === 'Succeeded') return job
  const reason = isObject(job['error']) ? job['error']['message'] : undefined
  throw new Fault('JobFailed', typeof reason === 'string' ? reason : `The ${kind} has failed.`)
}

function usage(message: string): Fault<'UsageWrong'> {
  return new Fault('UsageWrong', message)
}
