import { createReadStream } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import { findText, refuseOpenMode } from '../storage/files.ts'
import type { RootKeySecrets } from '../storage/root-key.ts'

/** A passphrase is no longer than this; a file that is, is not one. */
const MOST_CHARACTERS = 1024

/** Where secrets stand for those who have no terminal: the names of the environment. */
interface Names {
  /** What it is called in a sentence. */
  readonly word: string
  readonly file: string
  readonly descriptor: string
  /** Refused: the environment is seen by every child and in `/proc`. */
  readonly value: string
}

const OPEN: Names = {
  word: 'passphrase',
  file: 'SLUICE_PASSPHRASE_FILE',
  descriptor: 'SLUICE_PASSPHRASE_FD',
  value: 'SLUICE_PASSPHRASE',
}
const NEW: Names = {
  word: 'passphrase',
  file: 'SLUICE_NEW_PASSPHRASE_FILE',
  descriptor: 'SLUICE_NEW_PASSPHRASE_FD',
  value: 'SLUICE_NEW_PASSPHRASE',
}
const BACKUP: Names = {
  word: 'passphrase',
  file: 'SLUICE_BACKUP_PASSPHRASE_FILE',
  descriptor: 'SLUICE_BACKUP_PASSPHRASE_FD',
  value: 'SLUICE_BACKUP_PASSPHRASE',
}
const PIN: Names = {
  word: 'PIN',
  file: 'SLUICE_PKCS11_PIN_FILE',
  descriptor: 'SLUICE_PKCS11_PIN_FD',
  value: 'SLUICE_PKCS11_PIN',
}

/** Asks a person, undefined when nobody is there; with `twice` the answer is asked again. */
export type AskSecret = (question: string, twice: boolean) => Promise<Sealed | undefined>

/** The passphrases that a command or a server may need. */
export interface ProcessSecrets extends RootKeySecrets {
  /** The passphrase of a backup. */
  backupPassphrase(use: 'open' | 'new'): Promise<Sealed>
  /** The PIN of the HSM token; from `file` (mode 0600) when one is named. */
  tokenPin(file: string | undefined): Promise<Sealed>
}

/**
 * Passphrases from a private file or an open descriptor that the environment names, else from a person.
 * Each is read once, since a descriptor can be read once only.
 */
export function processSecrets(
  env: Readonly<Record<string, string | undefined>>,
  ask?: AskSecret,
): ProcessSecrets {
  const read = new Map<Names, Promise<Sealed>>()
  const get = (names: Names, question: string, twice: boolean): Promise<Sealed> => {
    let found = read.get(names)
    if (!found) {
      found = find(env, names).then((given) => given ?? askOrRefuse(ask, names, question, twice))
      read.set(names, found)
      // What was mistyped is asked again; what a file holds may be corrected.
      found.catch(() => read.delete(names))
    }
    return found
  }
  return {
    passphrase: (use) =>
      use === 'open'
        ? get(OPEN, 'Passphrase of the data directory: ', false)
        : get(NEW, 'New passphrase of the data directory: ', true),
    backupPassphrase: (use) => get(BACKUP, 'Passphrase of the backup: ', use === 'new'),
    tokenPin: async (file) =>
      file === undefined
        ? get(PIN, 'PIN of the HSM token: ', false)
        : toPassphrase(readPrivate(file, '--pkcs11-pin-file'), file),
  }
}

async function find(
  env: Readonly<Record<string, string | undefined>>,
  names: Names,
): Promise<Sealed | undefined> {
  if (env[names.value] !== undefined) {
    throw new Fault(
      'PassphraseExposed',
      `${names.value} is not read: every child process sees the environment. Put the ${names.word} into a file (chmod 600) and name it in ${names.file}, or give an open descriptor in ${names.descriptor}.`,
    )
  }
  const file = env[names.file]
  if (file !== undefined) return toPassphrase(readPrivate(file, names.file), names.file)
  const descriptor = env[names.descriptor]
  if (descriptor === undefined) return undefined
  return toPassphrase(await readDescriptor(descriptor, names), names.descriptor)
}

function readPrivate(file: string, namedBy: string): string {
  const content = findText(file, 'PassphraseMissing')
  if (content === undefined) {
    throw new Fault('PassphraseMissing', `${file}, which ${namedBy} names, is absent.`)
  }
  refuseOpenMode(file, 'PassphraseExposed')
  return content
}

async function readDescriptor(word: string, names: Names): Promise<string> {
  const fd = Number(word)
  try {
    if (!Number.isInteger(fd) || fd < 0) throw new Error('it is no number')
    // Standard input stays open; a pipe is closed, so that who writes to it may end.
    const autoClose = fd > 2
    return await text(createReadStream('', { fd, end: MOST_CHARACTERS * 4, autoClose }))
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new Fault(
      'PassphraseMissing',
      `The descriptor that ${names.descriptor} names cannot be read (${reason}).`,
    )
  }
}

/** One line; its end is not part of it. */
function toPassphrase(content: string, from: string): Sealed {
  const line = content.replace(/\r?\n$/, '')
  if (line !== '' && line.length <= MOST_CHARACTERS && !/[\r\n]/.test(line)) return new Sealed(line)
  throw new Fault(
    'PassphraseMissing',
    `What ${from} names is not one line of at most ${MOST_CHARACTERS} characters.`,
  )
}

async function askOrRefuse(
  ask: AskSecret | undefined,
  names: Names,
  question: string,
  twice: boolean,
): Promise<Sealed> {
  const answer = await ask?.(question, twice)
  if (answer) return answer
  throw new Fault(
    'PassphraseMissing',
    `A ${names.word} is needed and nobody can be asked. Put it into a file (chmod 600) and name it in ${names.file}, or give an open descriptor in ${names.descriptor}. Nothing was changed.`,
  )
}
