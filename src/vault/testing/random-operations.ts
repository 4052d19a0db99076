import fc from 'fast-check'

/** What a random operation asks of a vault. */
export type Operation =
  | {
      readonly op: 'ask'
      readonly method: string
      readonly path: string
      readonly body: object | undefined
    }
  | {
      readonly op: 'version'
      readonly at: Named
      readonly nth: number
      readonly patch: object | undefined
    }
  | { readonly op: 'pages'; readonly path: string; readonly size: number }
  | { readonly op: 'backup'; readonly at: Named }
  | { readonly op: 'restore'; readonly nth: number }
  | { readonly op: 'sign'; readonly name: string; readonly nth: number }
  | { readonly op: 'import'; readonly name: string }
  | { readonly op: 'merge'; readonly name: string }
  | { readonly op: 'move'; readonly byMs: number }

export type Kind = 'secrets' | 'keys' | 'certificates'

interface Named {
  readonly kind: Kind
  readonly name: string
}

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000

/** Few, so that operations meet; their order differs by bytes, by letters and by numbers. */
const NAMES: Readonly<Record<Kind, readonly string[]>> = {
  secrets: ['a', 'A-1', 'a1', 'B-b', 'bb', '10', '9'],
  keys: ['a', 'K-1', 'k1'],
  certificates: ['a1', 'c-1', 'C2'],
}
const kind = fc.constantFrom<Kind>('secrets', 'secrets', 'keys', 'certificates')
const nameOf = (kind: Kind) => fc.constantFrom(...NAMES[kind])
const at = kind.chain((kind) => fc.record({ kind: fc.constant(kind), name: nameOf(kind) }))
const nth = fc.nat(5)
const seconds = fc.option(fc.integer({ min: 1_780_000_000, max: 1_800_000_000 }), {
  nil: undefined,
})
const tags = fc.option(fc.dictionary(fc.constantFrom('x', 'Y', 'ä'), fc.string({ maxLength: 5 })), {
  nil: undefined,
})
const attributes = fc.option(
  fc.record({ enabled: fc.boolean(), exp: seconds, nbf: seconds }, { requiredKeys: [] }),
  { nil: undefined },
)
const policy = fc.record({
  issuer: fc.constantFrom({ name: 'Self' }, { name: 'Unknown' }),
  key_props: fc.constant({ kty: 'EC', crv: 'P-256', exportable: true, reuse_key: false }),
  x509_props: fc.record({
    subject: fc.constantFrom('CN=web', 'CN=other'),
    validity_months: fc.constantFrom(1, 12),
  }),
  lifetime_actions: fc.constant([
    { trigger: { days_before_expiry: 3 }, action: { action_type: 'AutoRenew' } },
  ]),
})
const rotation = fc.record({
  lifetimeActions: fc.constantFrom(
    [{ trigger: { timeAfterCreate: 'P7D' }, action: { type: 'Rotate' } }],
    [{ trigger: { timeBeforeExpiry: 'P30D' }, action: { type: 'Notify' } }],
  ),
  attributes: fc.constantFrom({ expiryTime: 'P60D' }, {}),
})

function ask(
  method: string,
  path: fc.Arbitrary<string>,
  body: fc.Arbitrary<object | undefined> = fc.constant(undefined),
): fc.Arbitrary<Operation> {
  return fc.record({ op: fc.constant('ask' as const), method: fc.constant(method), path, body })
}

const pathOf = (template: string) =>
  at.map(({ kind, name }) => template.replace('KIND', kind).replace('NAME', name))
const under = (kind: Kind, tail = '') => nameOf(kind).map((name) => `/${kind}/${name}${tail}`)

const operation = fc.oneof(
  {
    weight: 12,
    arbitrary: ask(
      'PUT',
      under('secrets'),
      fc.record({ value: fc.string({ maxLength: 20 }), tags, attributes }),
    ),
  },
  {
    weight: 5,
    arbitrary: ask(
      'POST',
      under('keys', '/create'),
      fc.record({
        kty: fc.constant('EC'),
        crv: fc.constantFrom('P-256', 'P-384'),
        tags,
        attributes,
      }),
    ),
  },
  { weight: 2, arbitrary: ask('POST', under('keys', '/rotate')) },
  { weight: 2, arbitrary: ask('PUT', under('keys', '/rotationpolicy'), rotation) },
  { weight: 1, arbitrary: ask('GET', under('keys', '/rotationpolicy')) },
  {
    weight: 4,
    arbitrary: ask('POST', under('certificates', '/create'), fc.record({ policy, tags })),
  },
  { weight: 1, arbitrary: ask('GET', under('certificates', '/pending')) },
  { weight: 1, arbitrary: ask('DELETE', under('certificates', '/pending')) },
  { weight: 1, arbitrary: ask('PATCH', under('certificates', '/policy'), policy) },
  { weight: 8, arbitrary: ask('GET', pathOf('/KIND/NAME')) },
  { weight: 5, arbitrary: ask('DELETE', pathOf('/KIND/NAME')) },
  { weight: 2, arbitrary: ask('GET', pathOf('/deletedKIND/NAME')) },
  { weight: 3, arbitrary: ask('POST', pathOf('/deletedKIND/NAME/recover')) },
  { weight: 4, arbitrary: ask('DELETE', pathOf('/deletedKIND/NAME')) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constant('version' as const),
      at,
      nth,
      patch: fc.option(fc.record({ tags, attributes }), { nil: undefined }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constant('pages' as const),
      path: fc.oneof(pathOf('/KIND'), pathOf('/deletedKIND'), pathOf('/KIND/NAME/versions')),
      size: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('backup' as const), at }) },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('restore' as const), nth }) },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('sign' as const), name: nameOf('keys'), nth }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('import' as const), name: nameOf('certificates') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constant('merge' as const), name: nameOf('certificates') }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constant('move' as const),
      byMs: fc.constantFrom(1, 1_000, MINUTE_MS, DAY_MS, 6 * DAY_MS, 8 * DAY_MS, 40 * DAY_MS),
    }),
  },
)

/** What a vault is filled with first, so that few of the operations find nothing. */
export const opening: readonly Operation[] = [
  ...NAMES.secrets.map((name) => put('PUT', `/secrets/${name}`, { value: name })),
  ...NAMES.keys.map((name) => put('POST', `/keys/${name}/create`, { kty: 'EC' })),
  { op: 'import', name: 'c-1' },
]

function put(method: string, path: string, body: object): Operation {
  return { op: 'ask', method, path, body }
}

/** Sequences of up to `limit` operations; what fails is cut down to what it needs. */
export function operations(limit: number): fc.Arbitrary<Operation[]> {
  return fc.array(operation, { maxLength: limit, size: 'max' })
}
