import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'
import type { TokenChoice } from '../server/index.ts'

/** What the help says of it. */
export const tokenHelp = {
  'pkcs11-module':
    'The PKCS#11 library of an HSM token: keys of HSM types are made in it from now on, and stay there.',
  'pkcs11-token': 'The label of the token, or its serial number.',
  'pkcs11-pin-file': 'A file with its PIN (chmod 600); without one the PIN is asked for.',
}

export interface TokenOptions {
  readonly pkcs11Module?: string
  readonly pkcs11Token?: string
  readonly pkcs11PinFile?: string
}

/** The flags of a choice, for another process. */
export function toTokenFlags(choice: TokenChoice | undefined): string[] {
  if (!choice) return []
  const { module, token, pinFile } = choice
  const flags = ['--pkcs11-module', module, '--pkcs11-token', token]
  return pinFile === undefined ? flags : [...flags, '--pkcs11-pin-file', pinFile]
}

/**
 * The token that a command line, or else the environment, asks for; undefined: the one the data
 * directory has.
 *
 * @throws Fault `UsageWrong` for half a choice
 */
export function toTokenChoice(
  options: TokenOptions,
  env: Readonly<Record<string, string | undefined>> = process.env,
): TokenChoice | undefined {
  const module = options.pkcs11Module ?? env['SLUICE_PKCS11_MODULE']
  const token = options.pkcs11Token ?? env['SLUICE_PKCS11_TOKEN']
  const pinFile = options.pkcs11PinFile ?? env['SLUICE_PKCS11_PIN_FILE']
  if (module !== undefined && token !== undefined) {
    const chosen = { module: path.resolve(module), token }
    return pinFile === undefined ? chosen : { ...chosen, pinFile: path.resolve(pinFile) }
  }
  if (module === undefined && token === undefined && options.pkcs11PinFile === undefined) {
    return undefined
  }
  throw new Fault('UsageWrong', 'A token is named by --pkcs11-module and --pkcs11-token together.')
}

/** The token that the data directory has; what is damaged is told by the start. */
export function keptToken(data: string): TokenChoice | undefined {
  try {
    return JSON.parse(readFileSync(path.join(data, 'pkcs11.json'), 'utf8')) as TokenChoice
  } catch {
    return undefined
  }
}

/** Where keys of HSM types are made, for people. */
export function describeHsmKeys(data: string): string {
  const kept = keptToken(data)
  return kept ? `token ${kept.token} (${kept.module})` : 'software'
}
