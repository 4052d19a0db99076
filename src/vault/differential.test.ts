import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, expect, test } from 'vitest'
import { type Engines, startEngines } from '../storage/testing/engines.ts'
import { Comparable } from './testing/comparable.ts'
import { type Operation, opening, operations } from './testing/random-operations.ts'
import { type Answer, startVault, type TestVault, tokenOf, VAULT } from './testing/test-vault.ts'

/** Together about a thousand operations. */
const RUNS = 20
const LIMIT = 100

const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-differential-'))
const engines = await startEngines()
afterAll(async () => {
  await engines.stop()
  rmSync(folder, { recursive: true, force: true })
})

const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })

/** One vault, and what was seen of it. */
class Side {
  readonly #vault: TestVault
  readonly #host: string
  readonly #comparable = new Comparable()
  readonly #versions = new Map<string, string[]>()
  readonly #backups: { readonly kind: string; readonly value: string }[] = []

  constructor(vault: TestVault, name: string) {
    this.#vault = vault
    this.#host = `${name}.vault.azure.net`
    vault.put({ ...VAULT, name, dataId: `data of ${name}` })
  }

  async ask(method: string, at: string, body?: object): Promise<Answer> {
    const token = tokenOf({ exp: 9_999_999_999 })
    const asked = { host: this.#host, token, version: '7.6', ...(body && { body }) }
    const answer = await this.#vault.ask(method, at, asked)
    for (const id of JSON.stringify(answer.body ?? '').match(/[a-z]+\/[\w-]+\/[0-9a-f]{32}/g) ??
      []) {
      this.#note(id)
    }
    return answer
  }

  async move(byMs: number): Promise<unknown> {
    this.#vault.clock.moveMs(byMs)
    return this.#vault.vault.sweep(this.#vault.clock.nowMs())
  }

  /** What one operation answers, comparable with another vault's. */
  async do(operation: Operation): Promise<unknown> {
    if (operation.op === 'move') return this.move(operation.byMs)
    if (operation.op === 'pages') return this.#pages(operation.path, operation.size)
    return this.compare(await this.#one(operation))
  }

  compare(answer: Answer): unknown {
    return this.#comparable.of(answer)
  }

  async #one(operation: Exclude<Operation, { op: 'move' | 'pages' }>): Promise<Answer> {
    switch (operation.op) {
      case 'ask':
        return this.ask(operation.method, operation.path, operation.body)
      case 'version': {
        const { kind, name } = operation.at
        const at = `/${kind}/${name}/${this.#versionOf(`${kind}/${name}`, operation.nth)}`
        return operation.patch ? this.ask('PATCH', at, operation.patch) : this.ask('GET', at)
      }
      case 'backup': {
        const answer = await this.ask('POST', `/${operation.at.kind}/${operation.at.name}/backup`)
        const { kind } = operation.at
        if (answer.status === 200) this.#backups.push({ kind, value: answer.body.value })
        return answer
      }
      case 'restore': {
        const none = { kind: 'secrets', value: 'none' }
        const held = this.#backups.at(operation.nth % (this.#backups.length || 1)) ?? none
        return this.ask('POST', `/${held.kind}/restore`, { value: held.value })
      }
      case 'sign': {
        const version = this.#versionOf(`keys/${operation.name}`, operation.nth)
        const value = Buffer.alloc(32, 1).toString('base64url')
        return this.ask('POST', `/keys/${operation.name}/${version}/sign`, { alg: 'ES256', value })
      }
      case 'import':
        return this.ask('POST', `/certificates/${operation.name}/import`, { value: importedPem() })
      case 'merge':
        throw new Error('A merge is made on both sides at once.')
    }
  }

  async #pages(first: string, size: number): Promise<unknown[]> {
    const pages: unknown[] = []
    for (let at = `${first}?maxresults=${size}&api-version=7.6`; pages.length < 100; ) {
      const answer = await this.ask('GET', at)
      pages.push(this.compare(answer))
      if (!answer.body?.nextLink) return pages
      const next = new URL(answer.body.nextLink)
      at = next.pathname + next.search
    }
    throw new Error('A list has no end.')
  }

  #versionOf(object: string, nth: number): string {
    const known = this.#versions.get(object.toLowerCase()) ?? []
    return known[nth % (known.length || 1)] ?? '0'.repeat(32)
  }

  #note(id: string): void {
    const [kind, name = '', version = ''] = id.split('/')
    const object = `${kind}/${name.toLowerCase()}`
    const known = this.#versions.get(object) ?? []
    if (!known.includes(version)) this.#versions.set(object, [...known, version])
  }
}

function importedPem(): string {
  return `${readFileSync(path.join(folder, 'own.key'), 'utf8')}${readFileSync(path.join(folder, 'own.pem'), 'utf8')}`
}

function makeAuthorities(): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  for (const name of ['own', 'ca']) {
    openssl(
      'req',
      '-x509',
      ...key,
      '-keyout',
      `${name}.key`,
      '-out',
      `${name}.pem`,
      '-days',
      '900',
      '-subj',
      `/CN=${name}`,
    )
  }
}

function signRequest(csr: string): X509Certificate {
  writeFileSync(path.join(folder, 'csr.der'), Buffer.from(csr, 'base64'))
  openssl('req', '-inform', 'DER', '-in', 'csr.der', '-out', 'csr.pem')
  const authority = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
  openssl('x509', '-req', '-in', 'csr.pem', ...authority, '-days', '500', '-out', 'leaf.pem')
  return new X509Certificate(readFileSync(path.join(folder, 'leaf.pem')))
}

/** Signs both requests in the same second, so that the certificates end together. */
async function merge(sides: readonly Side[], name: string): Promise<unknown[]> {
  const at = `/certificates/${name}/pending`
  const requests = await Promise.all(
    sides.map(async (side) => (await side.ask('GET', at)).body?.csr),
  )
  let leaves: X509Certificate[] = []
  do {
    leaves = requests.filter((csr) => typeof csr === 'string').map(signRequest)
  } while (new Set(leaves.map(({ validFrom }) => validFrom)).size > 1)
  return Promise.all(
    sides.map(async (side, index) => {
      const x5c = [leaves[index]?.raw.toString('base64') ?? 'none']
      return side.compare(await side.ask('POST', `${at}/merge`, { x5c }))
    }),
  )
}

async function startVaults({ all }: Engines): Promise<TestVault[]> {
  return Promise.all(
    all.map(async ({ newPlace }) => {
      const place = await newPlace()
      return startVault({ openDatabase: () => place.open<unknown>() })
    }),
  )
}

test('a vault answers the same on SQLite and on PostgreSQL', async ({ skip }) => {
  if (engines.missing) skip(engines.missing)
  makeAuthorities()
  const vaults = await startVaults(engines)
  let runs = 0
  try {
    await fc.assert(
      fc.asyncProperty(operations(LIMIT), async (sequence) => {
        runs += 1
        const sides = vaults.map((vault) => new Side(vault, `v${runs}`))
        for (const operation of [...opening, ...sequence]) {
          const [ours, theirs] =
            operation.op === 'merge'
              ? await merge(sides, operation.name)
              : await Promise.all(sides.map((side) => side.do(operation)))
          expect(theirs).toEqual(ours)
        }
      }),
      { numRuns: RUNS },
    )
    expect(vaults.flatMap(({ bugs }) => bugs)).toEqual([])
  } finally {
    for (const vault of vaults) await vault.close()
  }
}, 120_000)
