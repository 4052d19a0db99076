/**
 * What a signature costs in the vault beside node:crypto alone, both in one thread: the sealed row is
 * opened, the key found, the digest signed. Prints a JSON line for each algorithm.
 */
import {
  createHash,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { openSqlite } from '../src/storage/database.ts'
import { migrate } from '../src/storage/migrations.ts'
import { Sealer, sealingMigrations } from '../src/storage/sealing.ts'
import { signAlgorithms } from '../src/vault/keys/algorithms.ts'
import { KeyObjects } from '../src/vault/keys/key-objects.ts'
import { median } from './figure.ts'

const quick = process.argv.includes('--quick')
const ROUNDS = quick ? 7 : 15
const ROUND_MS = quick ? 150 : 400

const message = randomBytes(100)
const digest = createHash('sha256').update(message).digest()
const db = openSqlite<unknown>(':memory:')
await migrate(db, sealingMigrations, Date.now())
const sealer = new Sealer(db, createSecretKey(randomBytes(32)), Date.now)
const scope = await sealer.scope('vault:bench')
const keyObjects = new KeyObjects(() => performance.now())

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
report('RS256', rsa, rsa.export({ format: 'der', type: 'pkcs8' }))
report('ES256', ec, Buffer.from(ec.export({ format: 'jwk' }).d ?? '', 'base64url'))
await db.close()

function report(name: 'RS256' | 'ES256', key: KeyObject, secret: Buffer): void {
  const place = `keys/${name.toLowerCase()}/1`
  const sealed = scope.seal(place, secret)
  const algorithm = signAlgorithms[name]
  if (!algorithm) throw new Error(`There is no ${name}.`)
  const ours = () => {
    const opened = scope.openBytes(place, sealed).open()
    algorithm.sign(
      {
        secret: opened,
        rsa: () => keyObjects.rsa(opened),
        ec: (curve) => keyObjects.ec(curve, opened),
      },
      digest,
    )
  }
  const theirs = () => sign('sha256', message, key)
  const times: { readonly ours: number[]; readonly theirs: number[] } = { ours: [], theirs: [] }
  for (const warm of [ours, theirs]) microsOf(warm)
  for (let i = 0; i < ROUNDS; i += 1) {
    times.theirs.push(microsOf(theirs))
    times.ours.push(microsOf(ours))
  }
  const [mine, bare] = [median(times.ours), median(times.theirs)]
  const value = median(times.ours.map((ms, i) => ms / (times.theirs[i] ?? ms)))
  const peer = `${mine.toFixed(1)} us, node:crypto ${bare.toFixed(1)} us`
  const figure = {
    name: `${name} signature against node:crypto alone`,
    value,
    unit: 'x',
    atMost: 1.15,
    peer,
  }
  process.stdout.write(`${JSON.stringify(figure)}\n`)
}

/** CPU time of one call. */
function microsOf(work: () => unknown): number {
  const endMs = performance.now() + ROUND_MS
  const before = process.cpuUsage()
  let count = 0
  do {
    for (let i = 0; i < 20; i += 1) work()
    count += 20
  } while (performance.now() < endMs)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
