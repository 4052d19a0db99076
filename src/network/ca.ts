import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { mkdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { type Clock, systemClock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import { type CertificateNames, makeCertificate } from './certificate.ts'
import { createFile, findFile, removeOldDrafts, replaceFile } from './files.ts'
import { findService, servedSuffixes } from './hosts.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Clients refuse server certificates that live longer than 398 days. */
const LEAF_DAYS = 396
/** A leaf is replaced when it has less than this left. */
const LEAF_RENEWAL_DAYS = 30
const CA_DAYS = 3650
/** Names are the caller's choice, so their number is bounded; the oldest goes first. */
const KEPT_LEAVES = 1000

const SUBJECT = 'Sluice local authority'
const LOOPBACK: readonly Buffer[] = [
  Buffer.from([127, 0, 0, 1]),
  Buffer.concat([Buffer.alloc(15), Buffer.from([1])]),
]

/** A server certificate and its key, both PEM. */
export interface Leaf {
  readonly cert: string
  readonly key: Sealed
  readonly notAfterMs: number
}

/** The authority of one data directory. It signs only for the names that Sluice serves. */
export interface LocalCa {
  /** `<data>/ca/ca.pem`: what a client has to trust. */
  readonly file: string
  readonly pem: string
  /**
   * The leaf for exactly this name, made on first use (about 0.2 ms) and kept in memory only, so
   * that no second private key lies on disk. Undefined for a name that is none of ours. A loopback
   * name gets the leaf for `localhost`, 127.0.0.1 and ::1.
   */
  findLeaf(host: string): Leaf | undefined
  /** PEM of a leaf for exactly this name and another key; undefined for a name that is none of ours. */
  certify(host: string, publicKey: KeyObject): string | undefined
}

export type CaFaultCode = 'CaKeyExposed' | 'CaBroken'

/**
 * Opens the authority in `<dataFolder>/ca`, making it on first use. Any number of processes may do
 * so at once: the first key wins and all use it. Certificates follow the system's clock, because
 * clients do.
 *
 * @throws Fault `CaKeyExposed` when others may read the key, `CaBroken` when key and certificate
 *   do not belong together
 */
export function openCa(dataFolder: string, clock: Clock = systemClock): LocalCa {
  const folder = path.join(dataFolder, 'ca')
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  removeOldDrafts(folder, Date.now() - HOUR_MS)
  const privateKey = readKey(path.join(folder, 'ca.key'))
  const file = path.join(folder, 'ca.pem')
  const pem = readCertificate(file, privateKey, clock.nowMs())
  const leaves = new Map<string, Leaf>()
  return {
    file,
    pem,
    findLeaf(host) {
      const target = findService(host)
      if (target === undefined) return undefined
      const names = namesOf(target.host)
      const key = names.hosts.join()
      const kept = leaves.get(key)
      const nowMs = clock.nowMs()
      if (kept && kept.notAfterMs - nowMs > LEAF_RENEWAL_DAYS * DAY_MS) return kept
      const leaf = makeLeaf(privateKey, names, nowMs)
      leaves.delete(key)
      leaves.set(key, leaf)
      const [oldest] = leaves.keys()
      if (leaves.size > KEPT_LEAVES && oldest !== undefined) leaves.delete(oldest)
      return leaf
    },
    certify(host, publicKey) {
      const target = findService(host)
      return target && signLeaf(privateKey, publicKey, namesOf(target.host), clock.nowMs()).cert
    },
  }
}

function namesOf(host: string): CertificateNames {
  return ['localhost', '127.0.0.1', '::1'].includes(host)
    ? { hosts: ['localhost'], addresses: LOOPBACK }
    : { hosts: [host], addresses: [] }
}

function makeLeaf(issuerPrivateKey: KeyObject, names: CertificateNames, nowMs: number): Leaf {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { cert, notAfterMs } = signLeaf(issuerPrivateKey, publicKey, names, nowMs)
  return { cert, key: new Sealed(toPem(privateKey)), notAfterMs }
}

function signLeaf(
  issuerPrivateKey: KeyObject,
  publicKey: KeyObject,
  names: CertificateNames,
  nowMs: number,
): { readonly cert: string; readonly notAfterMs: number } {
  const notBeforeMs = nowMs - HOUR_MS
  const notAfterMs = notBeforeMs + LEAF_DAYS * DAY_MS
  const cert = makeCertificate({
    subject: names.hosts[0] ?? SUBJECT,
    issuer: SUBJECT,
    publicKey,
    issuerPrivateKey,
    issuerPublicKey: createPublicKey(issuerPrivateKey),
    notBeforeMs,
    notAfterMs,
    names,
    kind: 'leaf',
  })
  return { cert, notAfterMs }
}

function toPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function readKey(file: string): KeyObject {
  if (findFile(file) === undefined) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    createFile(file, toPem(privateKey), 0o600)
  }
  refuseExposed(file)
  const pem = findFile(file) ?? ''
  try {
    return createPrivateKey(pem)
  } catch {
    throw caBroken(`${file} is not a private key`, path.dirname(file))
  }
}

/** Windows has no such modes: there the user's profile folder protects the key. */
function refuseExposed(file: string): void {
  const mode = statSync(file).mode & 0o777
  if (process.platform === 'win32' || (mode & 0o077) === 0) return
  throw new Fault<CaFaultCode>(
    'CaKeyExposed',
    `Other users may read ${file} (mode ${mode.toString(8)}), and with it pretend to be Azure on this machine. ` +
      `Run "chmod 600 ${file}" if nobody has copied it; else delete the folder that holds it, and a new one is made.`,
  )
}

/**
 * A crash may have left the key without its certificate, a newer Sluice may serve more names than
 * the certificate allows, and it may be old: then it is made from the key, which stays.
 */
function readCertificate(file: string, key: KeyObject, nowMs: number): string {
  if (findFile(file) === undefined) createFile(file, makeAuthority(key, nowMs), 0o644)
  const pem = findFile(file) ?? ''
  const certificate = parseCertificate(pem)
  if (!certificate?.checkPrivateKey(key))
    throw caBroken(`${file} does not belong to ca.key`, path.dirname(file))
  const isOld = Date.parse(certificate.validTo) - nowMs < LEAF_DAYS * DAY_MS
  const isComplete = servedSuffixes.every((suffix) => certificate.raw.includes(suffix))
  if (isComplete && !isOld) return pem
  const renewed = makeAuthority(key, nowMs)
  replaceFile(file, renewed, 0o644)
  return renewed
}

function parseCertificate(pem: string): X509Certificate | undefined {
  try {
    return new X509Certificate(pem)
  } catch {
    return undefined
  }
}

function makeAuthority(privateKey: KeyObject, nowMs: number): string {
  const publicKey = createPublicKey(privateKey)
  return makeCertificate({
    subject: SUBJECT,
    issuer: SUBJECT,
    publicKey,
    issuerPrivateKey: privateKey,
    issuerPublicKey: publicKey,
    notBeforeMs: nowMs - DAY_MS,
    notAfterMs: nowMs + CA_DAYS * DAY_MS,
    names: { hosts: servedSuffixes, addresses: LOOPBACK },
    kind: 'authority',
  })
}

function caBroken(what: string, folder: string): Fault<CaFaultCode> {
  return new Fault(
    'CaBroken',
    `${what}. Delete the folder ${folder} and start again: a new authority is made, which clients have to trust anew.`,
  )
}
