import { systemClock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { changeDataKeys, type DataKeysChanged } from '../storage/data-key-change.ts'
import type { RootKeyProvider, RootKeyRecord } from '../storage/root-key.ts'
import { awaitTaken, changeRootKey } from '../storage/root-key-change.ts'
import { createRootKey, readRecords, rootKeySources } from '../storage/root-key-ring.ts'
import { loadSealedColumns, openData, openEstate } from './compose.ts'
import { ensureDataDirectory, isNewDirectory } from './data-directory.ts'
import { openDoor, type TokenChoice } from './hsm-door.ts'
import type { ProcessSecrets } from './secrets.ts'

/** A root key as people are shown it: nothing of it is secret. */
export interface RootKeyView {
  readonly provider: RootKeyProvider
  readonly id: string
  /** ISO 8601. */
  readonly created: string
}

/** What a person gives with a command. */
export interface Given {
  readonly secrets: ProcessSecrets
  /** The HSM token to use from now on. */
  readonly token?: TokenChoice | undefined
}

/** The kinds of root key a directory may have. */
const rootKeyProviders: readonly string[] = [...Object.keys(rootKeySources), 'pkcs11']

/** @throws Fault `UsageWrong` for a word that is no kind of root key */
export function toProvider(word: string): RootKeyProvider {
  if (rootKeyProviders.includes(word)) return word as RootKeyProvider
  throw new Fault(
    'UsageWrong',
    `'${word}' is no kind of root key. Choose one of ${rootKeyProviders.join(', ')}.`,
  )
}

/**
 * Makes a data directory and chooses its root key.
 *
 * @throws Fault `RootKeyChosen` when it holds something already, `PassphraseWeak` …
 */
export async function initDataDirectory(
  dataDirectory: string,
  provider: RootKeyProvider,
  given: Given,
): Promise<RootKeyView> {
  if (!isNewDirectory(dataDirectory)) {
    throw new Fault(
      'RootKeyChosen',
      `${dataDirectory} is in use. To change its root key: sluice root-key rotate --to ${provider}`,
    )
  }
  ensureDataDirectory(dataDirectory)
  const { secrets, token } = given
  const door = await openDoor({ dataDirectory, secrets, given: token })
  try {
    const options = { nowMs: systemClock.nowMs(), sources: door.sources }
    return toView(await createRootKey({ dataDirectory, secrets }, provider, options))
  } finally {
    await door.close()
  }
}

/** The root key of a data directory. @throws Fault `RootKeyMissing` before its first start */
export function showRootKey(dataDirectory: string): RootKeyView {
  // While one is being changed there are two; the first is the one that counts until the end.
  const [record] = readRecords(dataDirectory)
  if (record) return toView(record)
  throw new Fault(
    'RootKeyMissing',
    `${dataDirectory} has no root-key.json: no server of this version was started on it yet.`,
  )
}

/** Puts a new root key in the place of the one that counts, also while servers run. */
export async function rotateRootKey(
  dataDirectory: string,
  provider: RootKeyProvider | undefined,
  given: Given,
): Promise<RootKeyView & { readonly dataKeys: number }> {
  refuseNew(dataDirectory)
  const { db, rootKeys, door } = await openData(dataDirectory, systemClock, given)
  try {
    const change = { dataDirectory, db, ring: rootKeys, nowMs: systemClock.nowMs() }
    const { record, dataKeys } = await changeRootKey(change, provider ?? rootKeys.first.provider)
    await awaitTaken(db, record.id)
    return { ...toView(record), dataKeys }
  } finally {
    await db.close()
    await door.close()
  }
}

/**
 * Gives every scope, or the one of a vault, a new data key and seals what is stored with it, also while
 * servers run.
 *
 * @throws Fault `VaultUnknown`
 */
export async function rotateDataKeys(
  dataDirectory: string,
  vaultName: string | undefined,
  secrets: ProcessSecrets,
): Promise<DataKeysChanged> {
  refuseNew(dataDirectory)
  const scope = vaultName && (await findVaultScope(dataDirectory, vaultName, secrets))
  const { db, sealer, door } = await openData(dataDirectory, systemClock, { secrets })
  try {
    return await changeDataKeys({
      dataDirectory,
      db,
      sealer,
      columns: await loadSealedColumns(),
      nowMs: systemClock.nowMs,
      ...(scope ? { scope } : {}),
    })
  } finally {
    await db.close()
    await door.close()
  }
}

async function findVaultScope(
  dataDirectory: string,
  vaultName: string,
  secrets: ProcessSecrets,
): Promise<string> {
  const estate = await openEstate(dataDirectory, systemClock, { secrets })
  try {
    const vault = estate.arm.findActiveVault(vaultName)
    if (vault) return `vault:${vault.dataId}`
    throw new Fault('VaultUnknown', `There is no vault named ${vaultName}.`)
  } finally {
    await estate.close()
  }
}

/** @throws Fault `DataMissing` when there is nothing in the directory to work on */
export function refuseNew(dataDirectory: string): void {
  if (!isNewDirectory(dataDirectory)) return
  throw new Fault('DataMissing', `${dataDirectory} holds no data. Choose another with --data.`)
}

function toView({ provider, id, createdAtMs }: RootKeyRecord): RootKeyView {
  return { provider, id, created: new Date(createdAtMs).toISOString() }
}
