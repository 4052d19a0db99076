import { readFileSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { isObject, type JsonObject, readObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Client } from '../../client/index.ts'
import { toEpochSeconds, toFlag, toIso, toPairs } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'

const secretTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((secret) => ({
    Name: secret['name'],
    Id: secret['id'],
    ContentType: secret['contentType'],
    Enabled: isObject(secret['attributes']) ? secret['attributes']['enabled'] : null,
    Expires: isObject(secret['attributes']) ? secret['attributes']['expires'] : null,
  }))

export const secretCommands = [
  command(
    'keyvault secret set --vault-name <vault> --name|-n <name> [--value <text>] [--file|-f <path>] [--encoding|-e <encoding>] [--content-type <text>] [--description <text>] [--expires <utc>] [--not-before <utc>] [--tags <k=v>...] [--disabled <bool>]',
    'Create a secret, or a new version of it. The value comes from --value, --file, or stdin.',
    setSecret,
    {
      table: secretTable,
      help: {
        value: "The value. It stays in the shell's history: prefer stdin. '-' means stdin.",
        encoding: 'How to read the file: utf-8 (default), utf-16le, ascii, base64 or hex.',
      },
      examples: [
        'printf %s "$PASSWORD" | sluice keyvault secret set --vault-name kv-demo --name db-password',
        'sluice keyvault secret set --vault-name kv-demo --name tls --file key.pem',
      ],
    },
  ),
  command(
    'keyvault secret show --vault-name <vault> --name|-n <name> [--version <version>]',
    'Show a secret with its value; the newest version when none is named.',
    async ({ vaultName, name, version }, { session }) => {
      const { client } = await session()
      return toSecret(await client.vault(vaultName, `/secrets/${name}/${version ?? ''}`))
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret list --vault-name <vault> [--include-managed]',
    'List secrets, without their values.',
    async ({ vaultName, includeManaged }, { session }) => {
      const { client } = await session()
      const items = await client.list((next) => client.vault(vaultName, next ?? '/secrets'))
      return items.filter((item) => includeManaged || item['managed'] !== true).map(toItem)
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret list-versions --vault-name <vault> --name|-n <name>',
    'List the versions of a secret, without their values.',
    async ({ vaultName, name }, { session }) => {
      const { client } = await session()
      return (
        await client.list((next) => client.vault(vaultName, next ?? `/secrets/${name}/versions`))
      ).map(toItem)
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret list-deleted --vault-name <vault>',
    'List deleted secrets that can be recovered.',
    async ({ vaultName }, { session }) => {
      const { client } = await session()
      return (await client.list((next) => client.vault(vaultName, next ?? '/deletedsecrets'))).map(
        toItem,
      )
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret set-attributes --vault-name <vault> --name|-n <name> [--version <version>] [--enabled <bool>] [--content-type <text>] [--expires <utc>] [--not-before <utc>] [--tags <k=v>...]',
    'Change the attributes of a secret.',
    async (options, { session }) => {
      const { client } = await session()
      const attributes = attributesOf(options, toFlag(options.enabled, '--enabled'))
      const body = {
        ...(options.contentType === undefined ? {} : { contentType: options.contentType }),
        ...(options.tags ? { tags: toPairs(options.tags) } : {}),
        ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
      }
      const path = `/secrets/${options.name}/${options.version ?? ''}`
      return toItem(await client.vault(options.vaultName, path, { method: 'PATCH', body }))
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret delete --vault-name <vault> --name|-n <name>',
    'Delete a secret with all its versions; it can be recovered until its retention ends.',
    async ({ vaultName, name }, { session }) => {
      const { client } = await session()
      return toItem(await client.vault(vaultName, `/secrets/${name}`, { method: 'DELETE' }))
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret recover --vault-name <vault> --name|-n <name>',
    'Bring a deleted secret back.',
    async ({ vaultName, name }, { session }) => {
      const { client } = await session()
      return toItem(
        await client.vault(vaultName, `/deletedsecrets/${name}/recover`, { method: 'POST' }),
      )
    },
    { table: secretTable },
  ),
  command(
    'keyvault secret purge --vault-name <vault> --name|-n <name>',
    'Destroy a deleted secret for good.',
    async ({ vaultName, name }, { session }) => {
      const { client } = await session()
      await client.vault(vaultName, `/deletedsecrets/${name}`, { method: 'DELETE' })
      return undefined
    },
  ),
]

interface SetOptions {
  readonly vaultName: string
  readonly name: string
  readonly value?: string
  readonly file?: string
  readonly encoding?: string
  readonly contentType?: string
  readonly description?: string
  readonly expires?: string
  readonly notBefore?: string
  readonly tags?: readonly string[]
  readonly disabled?: string
}

async function setSecret(options: SetOptions, context: CommandContext): Promise<unknown> {
  const value = await readValue(options, context)
  const disabled = toFlag(options.disabled, '--disabled')
  const attributes = attributesOf(options, disabled === undefined ? undefined : !disabled)
  const contentType = options.contentType ?? options.description
  const tags = { ...toPairs(options.tags), 'file-encoding': options.encoding ?? 'utf-8' }
  const { client } = await context.session()
  const body = {
    value: value.open(),
    tags,
    ...(contentType === undefined ? {} : { contentType }),
    ...(Object.keys(attributes).length > 0 ? { attributes } : {}),
  }
  return toSecret(await putSecret(client, options, body))
}

function putSecret(client: Client, options: SetOptions, body: object): Promise<unknown> {
  return client.vault(options.vaultName, `/secrets/${options.name}`, { method: 'PUT', body })
}

async function readValue(options: SetOptions, { terminal }: CommandContext): Promise<Sealed> {
  if (options.value !== undefined && options.file !== undefined) {
    throw new Fault('UsageWrong', 'Give the value by --value or by --file, not both.')
  }
  if (options.file !== undefined) return readValueFile(options.file, options.encoding ?? 'utf-8')
  if (options.value !== undefined && options.value !== '-') return new Sealed(options.value)
  if (options.value === undefined && !terminal.hasStdin) {
    throw new Fault('UsageWrong', 'Give the value by --value, --file, or on stdin.')
  }
  return terminal.readStdin()
}

function readValueFile(file: string, encoding: string): Sealed {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new Fault(
      'UsageWrong',
      `--file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`,
    )
  }
  switch (encoding.toLowerCase()) {
    case 'utf-8':
    case 'utf8':
      return new Sealed(bytes.toString('utf8'))
    case 'utf-16le':
      return new Sealed(bytes.toString('utf16le'))
    case 'ascii':
      return new Sealed(bytes.toString('latin1'))
    case 'base64':
      return new Sealed(bytes.toString('base64'))
    case 'hex':
      return new Sealed(bytes.toString('hex'))
    default:
      throw new Fault(
        'UsageWrong',
        `--encoding '${encoding}' is not known. Choose utf-8, utf-16le, ascii, base64 or hex.`,
      )
  }
}

function attributesOf(
  options: { readonly expires?: string; readonly notBefore?: string },
  enabled: boolean | undefined,
): { enabled?: boolean; exp?: number; nbf?: number } {
  const exp = toEpochSeconds(options.expires, '--expires')
  const nbf = toEpochSeconds(options.notBefore, '--not-before')
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(exp === undefined ? {} : { exp }),
    ...(nbf === undefined ? {} : { nbf }),
  }
}

/** az's form of a secret: ISO times, `expires` and `notBefore`, the name beside the id. */
function toSecret(bundle: unknown): JsonObject {
  const secret = readObject(bundle, 'The secret')
  return { ...toItem(bundle), value: secret['value'] }
}

function toItem(bundle: unknown): JsonObject {
  const secret = readObject(bundle, 'The secret')
  const attributes = isObject(secret['attributes']) ? secret['attributes'] : {}
  return {
    attributes: {
      created: toIso(attributes['created']),
      enabled: attributes['enabled'] ?? null,
      expires: toIso(attributes['exp']),
      notBefore: toIso(attributes['nbf']),
      recoverableDays: attributes['recoverableDays'] ?? null,
      recoveryLevel: attributes['recoveryLevel'] ?? null,
      updated: toIso(attributes['updated']),
    },
    contentType: secret['contentType'] ?? null,
    ...(secret['deletedDate'] === undefined
      ? {}
      : {
          deletedDate: toIso(secret['deletedDate']),
          recoveryId: secret['recoveryId'],
          scheduledPurgeDate: toIso(secret['scheduledPurgeDate']),
        }),
    id: secret['id'],
    managed: secret['managed'] ?? null,
    name: /\/secrets\/([^/]+)/.exec(String(secret['id']))?.[1] ?? null,
    tags: secret['tags'] ?? null,
  }
}
