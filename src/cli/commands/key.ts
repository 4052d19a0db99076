import { readFileSync, writeFileSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { type JsonObject, readObject, readString } from '../../base/json.ts'
import type { Ask, Client } from '../../client/index.ts'
import { dig, toEpochSeconds, toFlag, toNumber, toPairs } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { keyTable, toItem, toKey } from './key-view.ts'

const HOLDER_HELP = {
  'vault-name': 'The vault that holds the key.',
  'hsm-name': 'The managed HSM that holds the key.',
} as const
const VALUE_HELP = {
  ...HOLDER_HELP,
  value:
    "The bytes in base64, or the text itself with --data-type plaintext. From stdin when absent, which keeps it out of the shell's history.",
} as const

export const keyCommands = [
  command(
    'keyvault key create [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--kty <type>] [--protection|-p <software|hsm>] [--size <bits>] [--curve <curve>] [--ops <operation>...] [--disabled <bool>] [--expires <utc>] [--not-before <utc>] [--tags <k=v>...]',
    'Create a key, or a new version of it.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      const body = toCreateBody(options)
      return toKey(await ask(`/keys/${options.name}/create`, { method: 'POST', body }))
    },
    {
      table: keyTable,
      help: {
        ...HOLDER_HELP,
        kty: 'RSA (default), EC, oct, or one of these with -HSM; a managed HSM makes HSM types only.',
        protection: 'hsm: a key of an HSM type. The default in a managed HSM.',
        size: 'Bits: 2048, 3072 or 4096 for RSA; 128, 192 or 256 for oct.',
        curve: 'P-256 (default), P-256K, P-384 or P-521.',
        ops: 'What the key may do: encrypt decrypt sign verify wrapKey unwrapKey import export.',
      },
      examples: [
        'sluice keyvault key create --vault-name kv-demo --name signing --kty EC --curve P-256',
        'sluice keyvault key create --hsm-name hsm-demo --name wrapping --kty oct-HSM --size 256',
      ],
    },
  ),
  command(
    'keyvault key show [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--version|-v <version>]',
    'Show a key: its public part and its attributes.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      return toKey(await ask(`/keys/${options.name}/${options.version ?? ''}`))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key list [--vault-name <vault>] [--hsm-name <hsm>] [--include-managed]',
    'List keys.',
    async (options, context) => {
      const items = await listItems(await askHolder(options, context), '/keys', context)
      return items.filter((item) => options.includeManaged || item['managed'] !== true)
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key list-versions [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name>',
    'List the versions of a key.',
    async (options, context) =>
      await listItems(await askHolder(options, context), `/keys/${options.name}/versions`, context),
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key list-deleted [--vault-name <vault>] [--hsm-name <hsm>]',
    'List deleted keys that can be recovered.',
    async (options, context) =>
      await listItems(await askHolder(options, context), '/deletedkeys', context),
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key show-deleted [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name>',
    'Show a deleted key.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      return toKey(await ask(`/deletedkeys/${options.name}`))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key set-attributes [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--version|-v <version>] [--enabled <bool>] [--ops <operation>...] [--expires <utc>] [--not-before <utc>] [--tags <k=v>...]',
    'Change the attributes of a key.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      const enabled = toFlag(options.enabled, '--enabled')
      const body = {
        ...(options.ops ? { key_ops: options.ops } : {}),
        ...(options.tags ? { tags: toPairs(options.tags) } : {}),
        attributes: toTimes(options, enabled),
      }
      const path = `/keys/${options.name}/${options.version ?? ''}`
      return toKey(await ask(path, { method: 'PATCH', body }))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key delete [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name>',
    'Delete a key with all its versions; it can be recovered until its retention ends.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      return toKey(await ask(`/keys/${options.name}`, { method: 'DELETE' }))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key recover [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name>',
    'Bring a deleted key back.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      return toKey(await ask(`/deletedkeys/${options.name}/recover`, { method: 'POST' }))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key purge [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name>',
    'Destroy a deleted key for good.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      await ask(`/deletedkeys/${options.name}`, { method: 'DELETE' })
      return undefined
    },
    { help: HOLDER_HELP },
  ),
  command(
    'keyvault key rotate [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name>',
    'Make a new version of a key.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      return toKey(await ask(`/keys/${options.name}/rotate`, { method: 'POST' }))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key backup [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> --file|-f <path>',
    'Write a sealed backup of a key with all its versions to a file.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      const answer = await ask(`/keys/${options.name}/backup`, { method: 'POST' })
      const value = readString(dig(answer, 'value'), 'value')
      onFile(options.file, () =>
        writeFileSync(options.file, Buffer.from(value, 'base64url'), { mode: 0o600, flag: 'wx' }),
      )
      return undefined
    },
    { help: HOLDER_HELP },
  ),
  command(
    'keyvault key restore [--vault-name <vault>] [--hsm-name <hsm>] --file|-f <path>',
    'Bring a key back from the file of a backup.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      const bytes = onFile(options.file, () => readFileSync(options.file))
      const body = { value: bytes.toString('base64url') }
      return toKey(await ask('/keys/restore', { method: 'POST', body }))
    },
    { table: keyTable, help: HOLDER_HELP },
  ),
  command(
    'keyvault key random --hsm-name <hsm> --count <bytes>',
    'Get random bytes from a managed HSM.',
    async ({ hsmName, count }, { session }) => {
      const { client } = await session()
      const body = { count: toNumber(count, '--count') }
      const answer = await client.hsm(hsmName, '/rng', { method: 'POST', body })
      return { value: toBase64(dig(answer, 'value')) }
    },
  ),
  command(
    'keyvault key encrypt [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--version|-v <version>] --algorithm|-a <algorithm> [--value <text>] [--data-type <base64|plaintext>] [--iv <hex>] [--aad <hex>]',
    'Encrypt bytes with a key.',
    (options, context) => cipher('encrypt', options, context),
    { help: VALUE_HELP },
  ),
  command(
    'keyvault key decrypt [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--version|-v <version>] --algorithm|-a <algorithm> [--value <text>] [--data-type <base64|plaintext>] [--iv <hex>] [--tag <hex>] [--aad <hex>]',
    'Decrypt what was encrypted with a key.',
    (options, context) => cipher('decrypt', options, context),
    { help: { ...HOLDER_HELP, value: 'The encrypted bytes in base64.' } },
  ),
  command(
    'keyvault key sign [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--version|-v <version>] --algorithm|-a <algorithm> --digest <base64>',
    'Sign a digest with a key.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      const body = { alg: options.algorithm, value: toBase64Url(options.digest) }
      const answer = await ask(pathOf(options, 'sign'), { method: 'POST', body })
      const { algorithm } = options
      return { algorithm, keyId: dig(answer, 'kid'), signature: toBase64(dig(answer, 'value')) }
    },
    { help: HOLDER_HELP },
  ),
  command(
    'keyvault key verify [--vault-name <vault>] [--hsm-name <hsm>] --name|-n <name> [--version|-v <version>] --algorithm|-a <algorithm> --digest <base64> --signature <base64>',
    'Say whether a signature is that of a key.',
    async (options, context) => {
      const ask = await askHolder(options, context)
      const { algorithm, digest, signature } = options
      const body = { alg: algorithm, digest: toBase64Url(digest), value: toBase64Url(signature) }
      const answer = await ask(pathOf(options, 'verify'), { method: 'POST', body })
      return { algorithm, isValid: dig(answer, 'value') }
    },
    { help: HOLDER_HELP },
  ),
]

interface Holder {
  readonly vaultName?: string
  readonly hsmName?: string
}

type AskHolder = (path: string, ask?: Ask) => Promise<unknown>

/** Asks the vault or the managed HSM that is named. @throws Fault `UsageWrong` unless one of them is */
async function askHolder(holder: Holder, { session }: CommandContext): Promise<AskHolder> {
  const { vaultName, hsmName } = holder
  if ((vaultName === undefined) === (hsmName === undefined)) {
    throw new Fault('UsageWrong', 'Say where the key is with --vault-name or --hsm-name.')
  }
  const { client } = await session()
  return (path, ask) =>
    vaultName === undefined
      ? client.hsm(hsmName ?? '', path, ask)
      : client.vault(vaultName, path, ask)
}

async function listItems(
  ask: AskHolder,
  path: string,
  { session }: CommandContext,
): Promise<JsonObject[]> {
  const { client }: { client: Client } = await session()
  return (await client.list((next) => ask(next ?? path))).map(toItem)
}

interface CreateOptions extends Holder {
  readonly kty?: string
  readonly protection?: string
  readonly size?: string
  readonly curve?: string
  readonly ops?: readonly string[]
  readonly disabled?: string
  readonly expires?: string
  readonly notBefore?: string
  readonly tags?: readonly string[]
}

/** @throws Fault `FileUnusable` with the file and the system's code */
function onFile<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Fault('FileUnusable', `${file} cannot be used (${code}).`)
  }
}

/** In a managed HSM the HSM type is meant unless something else is said. */
function toCreateBody(options: CreateOptions): object {
  const family = options.kty ?? (options.curve === undefined ? 'RSA' : 'EC')
  const protection = options.protection ?? (options.hsmName === undefined ? 'software' : 'hsm')
  if (protection !== 'software' && protection !== 'hsm') {
    throw new Fault('UsageWrong', `--protection takes software or hsm, not '${protection}'.`)
  }
  const kty = protection === 'hsm' && !family.endsWith('-HSM') ? `${family}-HSM` : family
  const disabled = toFlag(options.disabled, '--disabled') ?? false
  const size = toNumber(options.size, '--size')
  return {
    kty,
    ...(size === undefined ? {} : { key_size: size }),
    ...(options.curve === undefined ? {} : { crv: options.curve }),
    ...(options.ops ? { key_ops: options.ops } : {}),
    ...(options.tags ? { tags: toPairs(options.tags) } : {}),
    attributes: toTimes(options, !disabled),
  }
}

function toTimes(
  options: { readonly expires?: string; readonly notBefore?: string },
  enabled: boolean | undefined,
): object {
  const exp = toEpochSeconds(options.expires, '--expires')
  const nbf = toEpochSeconds(options.notBefore, '--not-before')
  return {
    ...(enabled === undefined ? {} : { enabled }),
    ...(exp === undefined ? {} : { exp }),
    ...(nbf === undefined ? {} : { nbf }),
  }
}

interface CipherOptions extends Holder {
  readonly name: string
  readonly version?: string
  readonly algorithm: string
  readonly value?: string
  readonly dataType?: string
  readonly iv?: string
  readonly tag?: string
  readonly aad?: string
}

async function cipher(
  use: 'encrypt' | 'decrypt',
  options: CipherOptions,
  context: CommandContext,
): Promise<unknown> {
  const dataType = options.dataType ?? 'base64'
  if (dataType !== 'base64' && dataType !== 'plaintext') {
    throw new Fault('UsageWrong', `--data-type takes base64 or plaintext, not '${dataType}'.`)
  }
  const isText = dataType === 'plaintext'
  const isPlain = isText && use === 'encrypt'
  if (options.value === undefined && !context.terminal.hasStdin) {
    throw new Fault('UsageWrong', 'Give the value by --value, or on stdin.')
  }
  const value = options.value ?? (await context.terminal.readStdin()).open()
  const ask = await askHolder(options, context)
  const bytes = Buffer.from(value, isPlain ? 'utf8' : 'base64')
  const fromHex = (text: string) => Buffer.from(text, 'hex').toString('base64url')
  const body = {
    alg: options.algorithm,
    value: bytes.toString('base64url'),
    ...(options.iv === undefined ? {} : { iv: fromHex(options.iv) }),
    ...(options.tag === undefined ? {} : { tag: fromHex(options.tag) }),
    ...(options.aad === undefined ? {} : { aad: fromHex(options.aad) }),
  }
  const answer = readObject(await ask(pathOf(options, use), { method: 'POST', body }), 'The answer')
  const result = Buffer.from(readString(answer['value'], 'value'), 'base64url')
  const toHex = (value: unknown) =>
    typeof value === 'string' ? Buffer.from(value, 'base64url').toString('hex') : null
  return {
    aad: toHex(answer['aad']),
    algorithm: options.algorithm,
    iv: toHex(answer['iv']),
    kid: answer['kid'],
    result: result.toString(use === 'decrypt' && isText ? 'utf8' : 'base64'),
    tag: toHex(answer['tag']),
  }
}

function pathOf(
  options: { readonly name: string; readonly version?: string },
  use: string,
): string {
  return `/keys/${options.name}/${options.version === undefined ? '' : `${options.version}/`}${use}`
}

function toBase64(value: unknown): string {
  return Buffer.from(readString(value, 'value'), 'base64url').toString('base64')
}

function toBase64Url(text: string): string {
  return Buffer.from(text, 'base64').toString('base64url')
}
