import { readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import { parseJson, readArray, readNumber, readObject, readString } from '../base/json.ts'
import { createPrivateFile, findText, refuseOpenMode, replacePrivateFile } from './files.ts'
import {
  fits,
  localRootKey,
  makeCheck,
  type RootKey,
  type RootKeyPlace,
  type RootKeyProvider,
  type RootKeyRecord,
  type RootKeySource,
} from './root-key.ts'
import { countFileKeys, fileSource, keepLines, loadRootKey } from './root-key-file.ts'

/** The kinds of root key by name; each is loaded when a directory uses it. */
export type RootKeySources = Readonly<
  Partial<Record<RootKeyProvider, () => Promise<RootKeySource>>>
>

/** What a process that was killed while it wrote `root.key` or `root-key.json` left. */
const DRAFT = /^root(\.key|-key\.json)\.[0-9a-f]{12}\.part$/

/** The kinds that need nothing but this room. */
export const rootKeySources: RootKeySources = {
  file: async () => fileSource,
  passphrase: async () => (await import('./root-key-passphrase.ts')).passphraseSource(),
}

/** What the sealer asks of the keys of a directory. */
export interface RootKeys {
  /** The key that opened first; during a change it may be the one that goes. */
  readonly first: RootKey
  /** The key of this id, looked for anew, or undefined when it does not open here. */
  find(id: string): Promise<RootKey | undefined>
  /** The kind of the key of this id; undefined when nothing is known of it. */
  providerOf(id: string): RootKeyProvider | undefined
}

/**
 * The root keys of a data directory, as `root-key.json` (mode 0600) beside the data describes them.
 * There is one, and two while one takes the other's place: which of them counts is told by the data
 * keys, which are all wrapped by the same one, so a change happens in one commit of the database.
 */
export class RootKeyring implements RootKeys {
  readonly #place: RootKeyPlace
  readonly #sources: RootKeySources
  #first: RootKey
  /** A directory without `root-key.json`: it is written when the key has proved to fit. */
  #isUnsettled: boolean

  private constructor(
    parts: { readonly place: RootKeyPlace; readonly sources: RootKeySources },
    first: RootKey,
    isUnsettled: boolean,
  ) {
    this.#place = parts.place
    this.#sources = parts.sources
    this.#first = first
    this.#isUnsettled = isUnsettled
  }

  /**
   * Opens the root key before the data is: nothing is changed, except that a new directory gets a key
   * file.
   *
   * @throws Fault `RootKeyWrong` when no key of the directory opens
   */
  static async open(place: RootKeyPlace, sources = rootKeySources): Promise<RootKeyring> {
    const parts = { place, sources }
    for (let records = readRecords(place.dataDirectory); ; ) {
      const key = await openAny(place, sources, records)
      if (key) return new RootKeyring(parts, key, records.length === 0)
      // A change that was finished between two looks has taken the key away that was looked for.
      const again = readRecords(place.dataDirectory)
      if (toText(again) === toText(records)) throw await noneOpens(place, sources, records)
      records = again
    }
  }

  get first(): RootKey {
    return this.#first
  }

  async find(id: string): Promise<RootKey | undefined> {
    if (id === this.#first.id) return this.#first
    const record = readRecords(this.#place.dataDirectory).find((found) => found.id === id)
    if (!record) return undefined
    return (await sourceOf(this.#sources, record.provider)).open(this.#place, record)
  }

  providerOf(id: string): RootKeyProvider | undefined {
    return this.records().find((record) => record.id === id)?.provider
  }

  /** Writes `root-key.json` for a directory that had none; call it when the key has proved to fit. */
  async settle(nowMs: number): Promise<void> {
    if (!this.#isUnsettled) return
    const record = await describe(this.#first, nowMs, {})
    const { dataDirectory } = this.#place
    if (!createPrivateFile(fileOf(dataDirectory), toText([record]))) {
      // Another process was first; the key is the same, its name is the other's choice.
      const [theirs] = readRecords(dataDirectory)
      const { material } = this.#first
      if (theirs && material) this.#first = localRootKey('file', theirs.id, material)
    }
    this.#isUnsettled = false
  }

  /** The records as they stand in the file now; empty when the directory is new. */
  records(): readonly RootKeyRecord[] {
    return readRecords(this.#place.dataDirectory)
  }

  /** Makes another key beside the one that counts, durable when this resolves. */
  async add(provider: RootKeyProvider, nowMs: number): Promise<RootKey> {
    const source = await sourceOf(this.#sources, provider)
    const { key, parameters } = await source.create(this.#place, newGuid())
    const record = await describe(key, nowMs, parameters)
    replacePrivateFile(fileOf(this.#place.dataDirectory), toText([...this.records(), record]))
    return key
  }

  /** Forgets every key but this one, and removes what they leave. May be repeated. */
  async keepOnly(key: RootKey): Promise<void> {
    const records = this.records()
    const kept = records.filter(({ id }) => id === key.id)
    const gone = records.filter(({ id }) => id !== key.id)
    if (kept.length === 0) throw new Error('The root key that counts has no record.')
    this.#first = key
    for (const record of gone)
      await (await sourceOf(this.#sources, record.provider)).discard(this.#place, record, [key])
    const { dataDirectory } = this.#place
    // A key that was made, and not yet described when its maker was killed.
    keepLines(dataDirectory, [key])
    if (gone.length > 0) replacePrivateFile(fileOf(dataDirectory), toText(kept))
    for (const name of readdirSync(dataDirectory))
      if (DRAFT.test(name)) rmSync(path.join(dataDirectory, name), { force: true })
  }

  /** False when a change that was killed has left something to `keepOnly`. */
  isTidy(): boolean {
    const records = this.records()
    const inFile = records.filter(({ provider }) => provider === 'file').length
    return records.length < 2 && countFileKeys(this.#place.dataDirectory) === inFile
  }
}

async function openAny(
  place: RootKeyPlace,
  sources: RootKeySources,
  records: readonly RootKeyRecord[],
): Promise<RootKey | undefined> {
  if (records.length === 0) {
    return localRootKey('file', newGuid(), loadRootKey(place.dataDirectory))
  }
  for (const record of quietFirst(records)) {
    const key = await (await sourceOf(sources, record.provider)).open(place, record)
    if (key) return key
  }
  return undefined
}

async function noneOpens(
  place: RootKeyPlace,
  sources: RootKeySources,
  records: readonly RootKeyRecord[],
): Promise<Fault<'RootKeyWrong'>> {
  const record = quietFirst(records).at(-1)
  if (!record) throw new Error('A new directory has no key.')
  const source = await sourceOf(sources, record.provider)
  return new Fault('RootKeyWrong', source.explain(place, record))
}

/** A passphrase is asked for only when nothing opens without one. */
function quietFirst(records: readonly RootKeyRecord[]): readonly RootKeyRecord[] {
  return [...records].sort((a, b) => Number(asks(a)) - Number(asks(b)))
}

/**
 * Chooses the root key of a new data directory.
 *
 * @throws Fault `RootKeyChosen` when the directory has one
 */
export async function createRootKey(
  place: RootKeyPlace,
  provider: RootKeyProvider,
  options: { readonly nowMs: number; readonly sources?: RootKeySources },
): Promise<RootKeyRecord> {
  const { dataDirectory } = place
  const chosen = () =>
    new Fault(
      'RootKeyChosen',
      `${dataDirectory} has a root key. Change it with: sluice root-key rotate --to ${provider}`,
    )
  if (
    readRecords(dataDirectory).length > 0 ||
    findText(path.join(dataDirectory, 'root.key'), 'RootKeyWrong') !== undefined
  ) {
    throw chosen()
  }
  const source = await sourceOf(options.sources ?? rootKeySources, provider)
  const { key, parameters } = await source.create(place, newGuid())
  const record = await describe(key, options.nowMs, parameters)
  if (!createPrivateFile(fileOf(dataDirectory), toText([record]))) throw chosen()
  return record
}

/** What `root-key.json` of a directory says; empty when it has none. Nothing of it is secret. */
export function readRecords(dataDirectory: string): readonly RootKeyRecord[] {
  const file = fileOf(dataDirectory)
  const text = findText(file, 'RootKeyWrong')
  if (text === undefined) return []
  refuseOpenMode(file, 'RootKeyWrong')
  try {
    const records = readArray(readObject(parseJson(text, file), file)['keys'], 'keys')
    if (records.length === 0) throw new Error('it names no key')
    return records.map(toRecord)
  } catch (error) {
    throw new Fault(
      'RootKeyWrong',
      `${file} is damaged (${(error as Error).message}). Put it back from a backup. Nothing was changed.`,
    )
  }
}

async function describe(
  key: RootKey,
  createdAtMs: number,
  parameters: RootKeyRecord['parameters'],
): Promise<RootKeyRecord> {
  const { id, provider } = key
  const record = { id, provider, createdAtMs, check: await makeCheck(key), parameters }
  if (!(await fits(key, record))) throw new Error('A root key does not open what it wrapped.')
  return record
}

function toRecord(value: unknown): RootKeyRecord {
  const record = readObject(value, 'key')
  const provider = readString(record['provider'], 'provider')
  if (provider !== 'file' && provider !== 'passphrase' && provider !== 'pkcs11') {
    throw new Error(`it names a provider '${provider}' that this version does not know`)
  }
  return {
    id: readString(record['id'], 'id'),
    provider,
    createdAtMs: readNumber(record['createdAtMs'], 'createdAtMs'),
    check: readString(record['check'], 'check'),
    parameters: readObject(record['parameters'], 'parameters'),
  }
}

function toText(keys: readonly RootKeyRecord[]): string {
  return `${JSON.stringify({ format: 1, keys }, undefined, 2)}\n`
}

async function sourceOf(
  sources: RootKeySources,
  provider: RootKeyProvider,
): Promise<RootKeySource> {
  const load = sources[provider]
  if (load) return load()
  throw new Fault(
    'RootKeyProviderUnknown',
    `This version of Sluice keeps no root key in '${provider}'. Choose one of ${Object.keys(sources).join(', ')}.`,
  )
}

function asks({ provider }: RootKeyRecord): boolean {
  return provider !== 'file'
}

function fileOf(dataDirectory: string): string {
  return path.join(dataDirectory, 'root-key.json')
}
