import { setTimeout as delay } from 'node:timers/promises'
import { Fault } from '../../base/fault.ts'
import { failed, skipped, succeeded, type Task, type TaskEnd, task } from '../contract.ts'
import { textOf } from '../faults.ts'
import { inParallel } from '../in-parallel.ts'
import { AccessToken } from './access-token.ts'
import { attachPermissionScript } from './permission-script.ts'
import type { Pause } from './requests.ts'
import { type LineRules, linesOfV1, linesOfV2, setSecretVariables } from './secret-values.ts'
import { type VaultSettings, vaultSettings } from './settings.ts'
import { tokenSource } from './token-source.ts'
import { VaultClient, VaultRefusal } from './vault-client.ts'

const PARALLEL_READS = 20

interface Generation {
  readonly version: string
  readonly lines: LineRules
  readonly checksVaultName: boolean
}

const V1: Generation = { version: '1.277.0', lines: linesOfV1, checksVaultName: false }
const V2: Generation = { version: '2.276.0', lines: linesOfV2, checksVaultName: true }

const wait: Pause = async (ms, signal) => {
  await delay(ms, undefined, { signal })
}

/** `AzureKeyVault@1`; `pause` waits between tries. */
export function azureKeyVaultV1(pause: Pause = wait): Task {
  return azureKeyVault(V1, pause)
}

/** `AzureKeyVault@2`, which linked variable groups use as well; `pause` waits between tries. */
export function azureKeyVaultV2(pause: Pause = wait): Task {
  return azureKeyVault(V2, pause)
}

/** None is declared required: the task's own texts for missing inputs differ, and come later. */
const inputs = {
  ConnectedServiceName: {
    kind: 'text',
    aliases: ['azureSubscription'],
    connection: { type: 'azurerm' },
  },
  KeyVaultName: { kind: 'text' },
  SecretsFilter: { kind: 'text', default: '*' },
  RunAsPreJob: { kind: 'text', default: 'false' },
} as const

function azureKeyVault(generation: Generation, pause: Pause): Task {
  return task({
    id: '1e244d32-2dd4-4165-96fb-b7441ca9331e',
    name: 'AzureKeyVault',
    version: generation.version,
    friendlyName: 'Azure Key Vault',
    description: 'Download Azure Key Vault secrets',
    author: 'Microsoft Corporation',
    helpUrl: 'https://docs.microsoft.com/azure/devops/pipelines/tasks/deploy/azure-key-vault',
    instanceNameFormat: 'Azure Key Vault: $(KeyVaultName)',
    inputs,
    stages: ['prejob', 'execution'],

    async run(context) {
      const { RunAsPreJob: choice } = context.inputs
      if (choice === '') return failed('Unhandled: Input required: RunAsPreJob')
      const isPreJob = choice.toLowerCase() === 'true'
      if (isPreJob !== (context.stage === 'prejob')) {
        return skipped(`Skipped according to the task's configuration. RunAsPreJob: ${isPreJob}`)
      }
      return await download(context, generation, pause)
    },
  })
}

type Context = Parameters<Task['run']>[0]

/** What one run of the task works with. */
interface Download {
  readonly context: Context
  readonly generation: Generation
  readonly settings: VaultSettings
  readonly client: VaultClient
  /** The permission script is attached once, however many secrets are refused. */
  isScriptAttached: boolean
}

async function download(context: Context, generation: Generation, pause: Pause): Promise<TaskEnd> {
  const opened = open(context, generation, pause)
  if ('result' in opened) return opened
  const { settings } = opened
  context.write(`SubscriptionId: ${settings.subscriptionId}.`)
  context.write(`Key vault name: ${settings.vaultName}.`)
  context.setVariable('SYSTEM_UNSAFEALLOWMULTILINESECRET', 'true')

  const filter = String(context.inputs['SecretsFilter']).split(',')
  const pieces = filter.filter((piece) => piece.trim() !== '')
  const isWholeVault = pieces.length === 0 || (pieces.length === 1 && pieces[0] === '*')
  const names = isWholeVault ? await listNames(opened) : pieces.map((piece) => piece.trim())
  return 'result' in names ? names : await readAll(opened, names)
}

function open(context: Context, generation: Generation, pause: Pause): Download | TaskEnd {
  const input = (name: keyof typeof inputs) => String(context.inputs[name])
  for (const name of ['ConnectedServiceName', 'KeyVaultName'] as const) {
    if (input(name) === '') return failed(`Error: Input required: ${name}`)
  }
  const vaultName = input('KeyVaultName')
  if (generation.checksVaultName && !isOwnEncoding(vaultName)) {
    return failed(`Error: ${vaultName} is an invalid KeyVault name.`)
  }
  try {
    const connection = context.connection(input('ConnectedServiceName'))
    const settings = vaultSettings(connection, vaultName)
    const sender = { ...senderOf(context), pause }
    const tokens = { ...sender, variable: variableOf(context), connection: connectionOf(context) }
    const token = new AccessToken(tokenSource(tokens, settings), settings.resource)
    const { vaultUrl } = settings
    const client = new VaultClient({ sender, token, vaultUrl, write: context.write })
    return { context, generation, settings, client, isScriptAttached: false }
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const isThrownText = error.code === 'SchemeUnsupported'
    return failed(isThrownText ? error.message : `Error: ${error.message}`)
  }
}

function senderOf(context: Context) {
  const error = (message: string, code: string) => context.error(message, code)
  return { http: context.http, signal: context.signal, error }
}

function variableOf(context: Context) {
  return (name: string) => context.variable(name)
}

function connectionOf(context: Context) {
  return (id: string) => context.connection(id)
}

function isOwnEncoding(name: string): boolean {
  return name.isWellFormed() && encodeURIComponent(name) === name
}

/** The names of all secrets that are enabled and have not expired, or the task's failure. */
async function listNames(run: Download): Promise<readonly string[] | TaskEnd> {
  const { context, settings, client } = run
  const { vaultName } = settings
  context.write(`Downloading secrets using: ${client.listUrl}.`)
  try {
    const secrets = await client.list()
    if (secrets.length === 0) {
      context.write(`No secrets found in: ${vaultName}`)
      return []
    }
    const nowMs = Date.now()
    const usable = secrets.filter(
      ({ isEnabled, expiresAtMs }) =>
        isEnabled && (expiresAtMs === undefined || expiresAtMs > nowMs),
    )
    context.write(`Number of secrets found in ${vaultName}: ${secrets.length}`)
    context.write(`Number of enabled and unexpired secrets found in ${vaultName}: ${usable.length}`)
    return usable.map(({ name }) => name)
  } catch (error) {
    return failed(`Get secrets failed. Error: ${await explain(run, error)}.`)
  }
}

/** Every secret that can be read is set, even when others fail. */
async function readAll(run: Download, names: readonly string[]): Promise<TaskEnd> {
  const { context, generation, client } = run
  const failures: string[] = []
  await inParallel(names.entries(), PARALLEL_READS, async ([place, name]) => {
    context.write(`Downloading secret value for: ${name}.`)
    try {
      const value = await client.read(name)
      if (value) setSecretVariables(context, name, value, generation.lines)
    } catch (error) {
      failures[place] = `\n${name}: ${JSON.stringify(await explain(run, error, name))}`
    }
  })
  // `failures` has gaps where a secret was read; joining leaves them out.
  return failures.length > 0 ? failed(failures.join('')) : succeeded
}

/** The words for a refusal; cancellation and bugs are no refusals and pass through. */
async function explain(run: Download, error: unknown, name?: string): Promise<string> {
  run.context.signal.throwIfAborted()
  if (!(error instanceof VaultRefusal)) {
    if (error instanceof Fault || hasCode(error)) return textOf(error)
    throw error
  }
  if (error.status === 400 && name !== undefined) {
    return `Secret not found: ${name}. Secret name must be a string 1-127 characters in length containing only -, 0-9, a-z and A-Z.`
  }
  if (error.status !== 403) return error.message
  if (!run.isScriptAttached) {
    run.isScriptAttached = true
    await attachPermissionScript(run.context, run.settings, error.innerCode)
  }
  return `${error.message}. The specified Azure service connection needs to have Get, List secret management permissions on the selected key vault. To set these permissions, download the ProvisionKeyVaultPermissions.ps1 script from build/release logs and execute it, or set them from the Azure portal.`
}

/** A network failure has the engine's code; a bug has none. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error
}
