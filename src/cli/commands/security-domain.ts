import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Fault } from '../../base/fault.ts'
import { readObject, readString } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import {
  type Client,
  exchangeCertificateOf,
  makeRestoreBlob,
  readHolder,
  toWrappingKey,
} from '../../client/index.ts'
import { toNumber } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'

const UPLOAD_HELP = {
  'sd-file': 'The file that download wrote; with --restore-blob the one that restore-blob wrote.',
  'sd-exchange-key': 'The file that init-recovery wrote.',
  'sd-wrapping-keys':
    'PEM files of private keys, as many as the quorum; the certificate of KEY.pem is KEY.cer beside it.',
  passwords:
    'Passwords of the keys, in their order. A lone - reads them from stdin, one on each line, and keeps them out of the argument list.',
} as const

export const securityDomainCommands = [
  command(
    'keyvault security-domain download --hsm-name <hsm> --sd-wrapping-keys <file>... --sd-quorum <number> --security-domain-file <file>',
    'Download the security domain of a managed HSM, which activates it.',
    download,
    {
      help: {
        'sd-wrapping-keys': 'PEM files of 3 to 10 certificates, one for each holder.',
        'sd-quorum': 'How many of the holders must come together to recover it, 2 to 10.',
        'security-domain-file': 'The file to write; it must not be there yet.',
      },
      examples: [
        'sluice keyvault security-domain download --hsm-name hsm-demo --sd-wrapping-keys a.cer b.cer c.cer --sd-quorum 2 --security-domain-file hsm-demo.json',
      ],
    },
  ),
  command(
    'keyvault security-domain init-recovery --hsm-name <hsm> --sd-exchange-key <file>',
    'Get the exchange key of a new managed HSM, for which the security domain is encrypted.',
    async ({ hsmName, sdExchangeKey }, { session }) => {
      const { client } = await session()
      const answer = await client.hsm(hsmName, '/securitydomain/upload')
      writeNew(sdExchangeKey, exchangeCertificateOf(answer))
      return undefined
    },
    { help: { 'sd-exchange-key': 'The file to write; it must not be there yet.' } },
  ),
  command(
    'keyvault security-domain restore-blob --sd-file <file> --sd-exchange-key <file> --sd-wrapping-keys <file>... --sd-file-restore-blob <file> [--passwords <text>...]',
    'Encrypt a security domain for the exchange key, without a connection to anything.',
    async (options, context) => {
      writeNew(options.sdFileRestoreBlob, await restoreBlob(options, context))
      return undefined
    },
    {
      help: {
        ...UPLOAD_HELP,
        'sd-file-restore-blob': 'The file to write; it must not be there yet.',
      },
    },
  ),
  command(
    'keyvault security-domain upload --hsm-name <hsm> --sd-file <file> [--restore-blob] [--sd-exchange-key <file>] [--sd-wrapping-keys <file>...] [--passwords <text>...]',
    'Bring a security domain into a new managed HSM, which activates it.',
    upload,
    {
      help: {
        ...UPLOAD_HELP,
        'restore-blob': 'The file was made by restore-blob, so no wrapping keys are needed.',
      },
      examples: [
        'sluice keyvault security-domain upload --hsm-name hsm-new --sd-file hsm-demo.json --sd-exchange-key exchange.cer --sd-wrapping-keys a.pem b.pem',
      ],
    },
  ),
]

interface DownloadOptions {
  readonly hsmName: string
  readonly sdWrappingKeys: readonly string[]
  readonly sdQuorum: string
  readonly securityDomainFile: string
}

async function download(options: DownloadOptions, { session }: CommandContext): Promise<unknown> {
  const { hsmName, sdWrappingKeys, securityDomainFile } = options
  const required = toNumber(options.sdQuorum, '--sd-quorum')
  const certificates = sdWrappingKeys.map((file) => toWrappingKey(read(file)))
  const { client } = await session()
  // That the file can be written is found out before the managed HSM is activated.
  writeNew(securityDomainFile, '')
  try {
    const ask = { method: 'POST', body: { certificates, required } }
    const answer = readObject(await client.hsm(hsmName, '/securitydomain/download', ask), '')
    writeFileSync(securityDomainFile, readString(answer['value'], 'value'))
  } catch (error) {
    rmSync(securityDomainFile, { force: true })
    throw error
  }
  return statusOf(client, hsmName, 'download')
}

interface BlobOptions {
  readonly sdFile: string
  readonly sdExchangeKey?: string
  readonly sdWrappingKeys?: readonly string[]
  readonly passwords?: readonly string[]
}

interface UploadOptions extends BlobOptions {
  readonly hsmName: string
  readonly restoreBlob?: boolean
}

async function upload(options: UploadOptions, context: CommandContext): Promise<unknown> {
  const value = options.restoreBlob ? read(options.sdFile) : await restoreBlob(options, context)
  const { client } = await context.session()
  const ask = { method: 'POST', body: { value } }
  await client.hsm(options.hsmName, '/securitydomain/upload', ask)
  return statusOf(client, options.hsmName, 'upload')
}

/** az's form: the names of the wire in camel case. */
async function statusOf(client: Client, hsm: string, what: string): Promise<unknown> {
  const answer = readObject(await client.hsm(hsm, `/securitydomain/${what}/pending`), 'The status')
  return { status: answer['status'] ?? null, statusDetails: answer['status_details'] ?? null }
}

async function restoreBlob(
  { sdFile, sdExchangeKey, sdWrappingKeys, passwords }: BlobOptions,
  context: CommandContext,
): Promise<string> {
  if (sdExchangeKey === undefined) throw usage('Please specify --sd-exchange-key')
  if (!sdWrappingKeys) throw usage('Please specify --sd-wrapping-keys')
  const given = await readPasswords(passwords, context)
  const holders = sdWrappingKeys.map((file, at) => {
    const certificate = `${file.replace(/\.[^./\\]*$/, '')}.cer`
    return readHolder(read(certificate), new Sealed(read(file)), given[at])
  })
  return makeRestoreBlob(read(sdFile), holders, read(sdExchangeKey))
}

async function readPasswords(
  passwords: readonly string[] | undefined,
  { terminal }: CommandContext,
): Promise<Sealed[]> {
  if (passwords?.length !== 1 || passwords[0] !== '-') {
    return (passwords ?? []).map((password) => new Sealed(password))
  }
  const text = (await terminal.readStdin()).open()
  return text.split(/\r?\n/).map((line) => new Sealed(line))
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw usage(`The file ${file} cannot be read (${(error as NodeJS.ErrnoException).code}).`)
  }
}

function writeNew(file: string, text: string): void {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') throw usage(`File named '${file}' already exists.`)
    throw usage(`The file ${file} cannot be written (${code}).`)
  }
}

function usage(message: string): Fault<'UsageWrong'> {
  return new Fault('UsageWrong', message)
}
