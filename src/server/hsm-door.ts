import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { Fault } from '../base/fault.ts'
import { parseJson, readObject, readString } from '../base/json.ts'
import type { HsmToken } from '../pkcs11/index.ts'
import { findText, replacePrivateFile } from '../storage/files.ts'
import { type RootKeySources, rootKeySources } from '../storage/root-key-ring.ts'
import type { ProcessSecrets } from './secrets.ts'

/** The HSM token of a data directory, as `pkcs11.json` keeps it. Nothing of it is secret. */
export interface TokenChoice {
  /** The vendor's library, an absolute path. */
  readonly module: string
  /** The token's label, or its serial number. */
  readonly token: string
  /** A file with the PIN (mode 0600), an absolute path; absent: it is asked for. */
  readonly pinFile?: string
}

/** The way to the HSM token of a data directory; it opens at most one. */
export interface HsmDoor {
  /** The kinds of root key, with the one that stays in this token. */
  readonly sources: RootKeySources
  /** The token; undefined when none is configured. @throws Fault `HsmMissing`, `HsmPinWrong` or `HsmUnavailable` */
  find(): Promise<HsmToken | undefined>
  close(): Promise<void>
}

interface DoorParts {
  readonly dataDirectory: string
  readonly secrets: ProcessSecrets
  /** What a person asked for now; kept when the token opens. */
  readonly given?: TokenChoice | undefined
}

/**
 * Opens the token that is configured: a start finds out what is wrong with it before anything is touched.
 *
 * @throws Fault `HsmMissing`, `HsmPinWrong` or `HsmUnavailable`
 */
export async function openDoor(parts: DoorParts): Promise<HsmDoor> {
  let opened: Promise<HsmToken> | undefined
  const find = (): Promise<HsmToken> | undefined => {
    const choice = parts.given ?? findTokenChoice(parts.dataDirectory)
    if (!choice) return undefined
    opened ??= openToken(choice, parts).catch((error: unknown) => {
      // A wrong PIN is not tried again: tokens count.
      const isPin = error instanceof Fault && error.code === 'HsmPinWrong'
      if (!isPin) opened = undefined
      throw error
    })
    return opened
  }
  await find()
  return {
    sources: {
      ...rootKeySources,
      pkcs11: async () => {
        const { tokenSource } = await import('../storage/root-key-pkcs11.ts')
        return tokenSource(async () => (await find()) ?? Promise.reject(noToken()))
      },
    },
    find: async () => find(),
    close: async () => (await opened?.catch(() => undefined))?.close(),
  }
}

async function openToken(
  choice: TokenChoice,
  { dataDirectory, secrets, given }: DoorParts,
): Promise<HsmToken> {
  const { HsmToken } = await import('../pkcs11/index.ts')
  const token = await HsmToken.open({
    modulePath: choice.module,
    token: choice.token,
    pin: await secrets.tokenPin(choice.pinFile),
  })
  if (given && !isDeepStrictEqual(given, findTokenChoice(dataDirectory))) {
    replacePrivateFile(fileOf(dataDirectory), `${JSON.stringify(choice, undefined, 2)}\n`)
  }
  return token
}

/** The token a data directory was given. @throws Fault `HsmMissing` when its file is damaged */
function findTokenChoice(dataDirectory: string): TokenChoice | undefined {
  const file = fileOf(dataDirectory)
  const text = findText(file, 'HsmMissing')
  if (text === undefined) return undefined
  try {
    const kept = readObject(parseJson(text, file), file)
    const pinFile = kept['pinFile']
    return {
      module: readString(kept['module'], 'module'),
      token: readString(kept['token'], 'token'),
      ...(pinFile === undefined ? {} : { pinFile: readString(pinFile, 'pinFile') }),
    }
  } catch (error) {
    throw new Fault(
      'HsmMissing',
      `${file} is damaged (${(error as Error).message}). Name the token again with --pkcs11-module and --pkcs11-token. Nothing was changed.`,
    )
  }
}

function noToken(): Fault {
  return new Fault(
    'HsmMissing',
    'No HSM token is configured for this data directory. Name one with --pkcs11-module, --pkcs11-token and --pkcs11-pin-file. Nothing was changed.',
  )
}

function fileOf(dataDirectory: string): string {
  return path.join(dataDirectory, 'pkcs11.json')
}
