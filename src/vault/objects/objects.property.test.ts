import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  type Answer,
  NOON_MS,
  startVault,
  type TestVault,
  tokenOf,
  VAULT,
} from '../testing/test-vault.ts'

const DAY_MS = 86_400_000
const RETENTION_MS = 7 * DAY_MS
let server: TestVault
let count = 0

beforeAll(async () => {
  server = await startVault()
})

afterAll(async () => {
  expect(server.bugs).toEqual([])
  await server.close()
})

type Kind = 'secrets' | 'keys'

interface Facts {
  readonly attributes?: { enabled?: boolean; nbf?: number; exp?: number }
  readonly tags?: Record<string, string>
}

type Command =
  | { readonly do: 'set' | 'update'; readonly name: string; readonly facts: Facts; pick: number }
  | { readonly do: 'delete' | 'recover' | 'purge' | 'backup'; readonly name: string }
  // Both, one after the other: restoring needs a name that is free.
  | { readonly do: 'deleteAndPurge'; readonly name: string }
  | { readonly do: 'restore'; readonly pick: number }
  | { readonly do: 'move'; readonly byMs: number }
  | { readonly do: 'sweep' }

interface Version {
  readonly id: string
  readonly value: string
  readonly enabled: boolean
  readonly nbf: number | undefined
  readonly exp: number | undefined
  readonly tags: Record<string, string> | undefined
  readonly created: number
  readonly updated: number
}

interface Thing {
  readonly name: string
  readonly versions: readonly Version[]
  readonly deletedAtMs?: number
}

/** A vault as simple as can be: what each command must answer, and what is there afterwards. */
class NaiveVault {
  made = 0
  readonly things = new Map<string, Thing>()
  readonly backups: { readonly blob: string; readonly thing: Thing }[] = []

  /** The thing of that name; one whose retention has ended is no more. */
  find(name: string, nowMs: number): Thing | undefined {
    const found = this.things.get(name.toLowerCase())
    if (found?.deletedAtMs === undefined || found.deletedAtMs + RETENTION_MS > nowMs) return found
    this.things.delete(name.toLowerCase())
    return undefined
  }

  put(thing: Thing): void {
    this.things.set(thing.name.toLowerCase(), thing)
  }
}

/** The same commands against the real vault and the naive one. */
class Pair {
  readonly kind: Kind
  readonly naive = new NaiveVault()
  readonly vaultName: string

  constructor(kind: Kind) {
    count += 1
    this.kind = kind
    this.vaultName = `p${count}`
    server.put({ ...VAULT, name: this.vaultName, dataId: `data-${count}` })
  }

  ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const host = `${this.vaultName}.vault.azure.net`
    const token = tokenOf({ exp: NOON_MS / 1000 + 1e9 })
    return server.ask(method, path, { host, token, ...(body !== undefined && { body }) })
  }

  /** `kid` of keys, `id` of secrets. */
  // biome-ignore lint/suspicious/noExplicitAny: a body of either kind
  idOf(body: any): string {
    return String(body.id ?? body.kid ?? body.key.kid)
  }

  async run(command: Command): Promise<void> {
    const nowMs = server.clock.nowMs()
    if (command.do === 'move') return server.clock.moveMs(command.byMs)
    if (command.do === 'sweep') return void (await server.vault.sweep(nowMs))
    if (command.do === 'restore') return this.restore(command.pick, nowMs)
    if (command.do === 'deleteAndPurge') {
      await this.run({ ...command, do: 'delete' })
      return this.run({ ...command, do: 'purge' })
    }
    const thing = this.naive.find(command.name, nowMs)
    if (command.do === 'set') return this.set(command.name, thing, command.facts)
    if (command.do === 'update') return this.update(command.name, thing, command)
    return this.other(command.do, command.name, thing)
  }

  async set(name: string, thing: Thing | undefined, facts: Facts): Promise<void> {
    const value = `value ${this.naive.made++}`
    const answer =
      this.kind === 'secrets'
        ? await this.ask('PUT', `/secrets/${name}`, { value, ...facts })
        : await this.ask('POST', `/keys/${name}/create`, { kty: 'oct-HSM', ...facts })
    if (thing?.deletedAtMs !== undefined) return expect(answer.status).toBe(409)
    expect(answer.status).toBe(200)
    const now = Math.floor(server.clock.nowMs() / 1000)
    const { enabled = true, nbf, exp } = facts.attributes ?? {}
    const id = this.idOf(answer.body).split('/').at(-1) ?? ''
    const times = { created: now, updated: now }
    const made: Version = { id, value, enabled, nbf, exp, tags: facts.tags, ...times }
    const before = thing ?? { name, versions: [] }
    this.naive.put({ ...before, versions: [...before.versions, made] })
  }

  async update(
    name: string,
    thing: Thing | undefined,
    { facts, pick }: { readonly facts: Facts; readonly pick: number },
  ): Promise<void> {
    const isLive = thing !== undefined && thing.deletedAtMs === undefined
    const at = isLive ? pick % (thing.versions.length + 1) : 0
    // The last choice names no version, which means the newest.
    const named = isLive ? thing.versions[at]?.id : undefined
    const answer = await this.ask('PATCH', `/${this.kind}/${name}/${named ?? ''}`, facts)
    if (!isLive) return expect(answer.status).toBe(404)
    expect(answer.status).toBe(200)
    const place = named === undefined ? thing.versions.length - 1 : at
    const updated = Math.floor(server.clock.nowMs() / 1000)
    const tags = facts.tags && { tags: facts.tags }
    const change = { ...facts.attributes, ...tags, updated }
    const versions = thing.versions.map((one, i) => (i === place ? { ...one, ...change } : one))
    this.naive.put({ ...thing, versions })
  }

  async other(verb: string, name: string, thing: Thing | undefined): Promise<void> {
    const isDeleted = thing?.deletedAtMs !== undefined
    const live = `/${this.kind}/${name}`
    const dead = `/deleted${this.kind}/${name}`
    const [method, path, works, status] = {
      delete: ['DELETE', live, thing && !isDeleted, 200] as const,
      recover: ['POST', `${dead}/recover`, isDeleted, 200] as const,
      purge: ['DELETE', dead, isDeleted, 204] as const,
      backup: ['POST', `${live}/backup`, thing && !isDeleted, 200] as const,
    }[verb] ?? ['GET', live, false, 404]
    const answer = await this.ask(method, path)
    expect(answer.status, `${verb} ${name}`).toBe(works ? status : 404)
    if (!works || !thing) return
    const { deletedAtMs: _deleted, ...alive } = thing
    if (verb === 'delete') this.naive.put({ ...alive, deletedAtMs: server.clock.nowMs() })
    if (verb === 'recover') this.naive.put(alive)
    if (verb === 'purge') this.naive.things.delete(name.toLowerCase())
    if (verb === 'backup') this.naive.backups.push({ blob: answer.body.value, thing: alive })
  }

  async restore(pick: number, nowMs: number): Promise<void> {
    const chosen = this.naive.backups[pick % Math.max(1, this.naive.backups.length)]
    if (!chosen) return
    const taken = this.naive.find(chosen.thing.name, nowMs) !== undefined
    const answer = await this.ask('POST', `/${this.kind}/restore`, { value: chosen.blob })
    expect(answer.status).toBe(taken ? 409 : 200)
    if (!taken) this.naive.put(chosen.thing)
  }

  /** All items of a list, two at a time. */
  async list(path: string): Promise<Record<string, unknown>[]> {
    const items: Record<string, unknown>[] = []
    let next: string | null = `${path}?maxresults=2`
    while (next !== null) {
      const { status, body }: Answer = await this.ask('GET', next)
      expect(status).toBe(200)
      items.push(...body.value)
      const link: string | null = body.nextLink
      next = link === null ? null : link.slice(link.indexOf(path))
    }
    return items
  }

  /** Everything that can be read is as the naive vault has it. */
  async compare(): Promise<void> {
    const nowMs = server.clock.nowMs()
    for (const name of this.naive.things.keys()) this.naive.find(name, nowMs)
    const all = [...this.naive.things.values()]
    const live = all.filter(({ deletedAtMs }) => deletedAtMs === undefined)
    const dead = all.filter(({ deletedAtMs }) => deletedAtMs !== undefined)
    const listed = await this.list(`/${this.kind}`)
    expect(listed.map((item) => this.shown(item))).toEqual(
      sorted(live).map((thing) => this.expected(thing.versions.at(-1), thing.name)),
    )
    const gone = await this.list(`/deleted${this.kind}`)
    expect(
      gone.map(({ deletedDate, scheduledPurgeDate }) => [deletedDate, scheduledPurgeDate]),
    ).toEqual(
      sorted(dead).map(({ deletedAtMs = 0 }) =>
        [deletedAtMs, deletedAtMs + RETENTION_MS].map((ms) => Math.floor(ms / 1000)),
      ),
    )
    for (const thing of live) await this.compareVersions(thing)
    for (const { name } of dead) {
      expect((await this.ask('GET', `/${this.kind}/${name}`)).status).toBe(404)
      expect((await this.ask('GET', `/${this.kind}/${name}/versions`)).status).toBe(404)
    }
  }

  async compareVersions({ name, versions }: Thing): Promise<void> {
    const byId = (items: Record<string, unknown>[]) =>
      items.sort((a, b) => String(a['id']).localeCompare(String(b['id'])))
    const listed = await this.list(`/${this.kind}/${name}/versions`)
    expect(byId(listed.map((item) => this.shown(item)))).toEqual(
      byId(versions.map((version) => this.expected(version, `${name}/${version.id}`))),
    )
    for (const version of [...versions, undefined]) {
      const meant = version ?? versions.at(-1)
      const answer = await this.ask('GET', `/${this.kind}/${name}/${version?.id ?? ''}`)
      const isHidden = this.kind === 'secrets' && !meant?.enabled
      expect(answer.status).toBe(isHidden ? 403 : 200)
      if (!isHidden && this.kind === 'secrets') expect(answer.body.value).toBe(meant?.value)
      if (!isHidden) expect(this.idOf(answer.body)).toMatch(new RegExp(`/${name}/${meant?.id}$`))
    }
  }

  shown(item: Record<string, unknown>): Record<string, unknown> {
    const {
      recoveryLevel: _level,
      recoverableDays: _days,
      ...attributes
    } = item['attributes'] as Record<string, unknown>
    const id = this.idOf(item).split(`/${this.kind}/`)[1]
    return { id, attributes, tags: item['tags'] }
  }

  expected(version: Version | undefined, id: string): Record<string, unknown> {
    if (!version) throw new Error('A thing has a version at least.')
    const { enabled, nbf, exp, created, updated, tags } = version
    const window = { ...(nbf !== undefined && { nbf }), ...(exp !== undefined && { exp }) }
    return { id, attributes: { enabled, ...window, created, updated }, tags }
  }
}

function sorted(things: readonly Thing[]): Thing[] {
  return [...things].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))
}

const name = fc.constantFrom('a', 'A', 'Long-Name-1')
const pick = fc.nat({ max: 30 })
const attributes = fc.record(
  {
    enabled: fc.boolean(),
    nbf: fc.integer({ min: 1, max: 4_000_000_000 }),
    exp: fc.integer({ min: 1, max: 4_000_000_000 }),
  },
  { requiredKeys: [] },
)
const tags = fc.dictionary(fc.constantFrom('x', 'y', 'z'), fc.string({ maxLength: 5 }), {
  noNullPrototype: true,
})
const facts = fc.record({ attributes, tags }, { requiredKeys: [] })
const moves = fc.constantFrom(1, 499, 1000, DAY_MS, 3 * DAY_MS, RETENTION_MS - 1, RETENTION_MS)
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('set' as const), name, facts, pick }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('update' as const), name, facts, pick }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('delete' as const, 'recover' as const, 'purge' as const),
      name,
    }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('backup' as const), name }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('restore' as const), pick }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('deleteAndPurge' as const), name }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('move' as const), byMs: moves }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
)

test.each(['secrets', 'keys'] as const)(
  '%s: any sequence of commands leaves what a naive vault has',
  async (kind) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(command, { minLength: 1, maxLength: 40, size: 'max' }),
        async (commands) => {
          const pair = new Pair(kind)
          for (const one of commands) await pair.run(one)
          await pair.compare()
        },
      ),
      { numRuns: 100 },
    )
  },
)

test.each(['secrets', 'keys', 'versions'] as const)(
  'a walk through %s while others write shows what was there all along exactly once',
  async (what) => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.tuple(fc.boolean(), name), { maxLength: 40 }),
        async (size, writes) => {
          const pair = new Pair(what === 'keys' ? 'keys' : 'secrets')
          const add = (of: string) => pair.run({ do: 'set', name: of, facts: {}, pick: 0 })
          for (let i = 0; i < size; i += 1) await add(what === 'versions' ? 'one' : `n-${i}`)
          const path = what === 'versions' ? '/secrets/one/versions' : `/${pair.kind}`
          const before = (await pair.list(path)).map((item) => pair.idOf(item))
          const others = writes.map(async ([isDelete, of]) => {
            const method = isDelete ? 'DELETE' : 'PUT'
            const target = what === 'versions' ? 'one' : of
            if (what === 'versions') await add(target)
            else if (isDelete || pair.kind === 'secrets')
              await pair.ask(method, `/${pair.kind}/${of}`, isDelete ? undefined : { value: 'v' })
            else await pair.ask('POST', `/keys/${of}/create`, { kty: 'oct-HSM' })
          })
          const walked = (await pair.list(path)).map((item) => pair.idOf(item))
          await Promise.all(others)
          expect(walked.filter((id) => before.includes(id)).sort()).toEqual(before.sort())
          expect(new Set(walked).size).toBe(walked.length)
        },
      ),
      { numRuns: 20 },
    )
  },
)
