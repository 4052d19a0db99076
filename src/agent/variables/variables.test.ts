import { expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import { replaceMacros, toEnvironmentName } from './macros.ts'
import { VariableStore } from './variable-store.ts'

/** A store with these variables, and the secrets it has told of. */
function storeOf(values: Record<string, string | Sealed>) {
  const secrets: string[] = []
  const store = new VariableStore((value) => secrets.push(value.open()))
  for (const [name, value] of Object.entries(values)) store.set(name, value)
  return { store, secrets }
}

test.each([
  { text: '$(a)$(b)', result: '1$(a)' },
  { text: '$(A) and $(a', result: '1 and $(a' },
  { text: '$(no) $(a)', result: '$(no) 1' },
  { text: '$(echo $(a))', result: '$(echo 1)' },
  { text: '$($(a))', result: '$(1)' },
  { text: '$()', result: '$()' },
  { text: 'no macro', result: 'no macro' },
])('macros in $text are replaced once: $result', ({ text, result }) => {
  const values: Record<string, string> = { a: '1', b: '$(a)' }
  expect(replaceMacros(text, (name) => values[name.toLowerCase()])).toBe(result)
})

test('a text of nothing but beginnings of macros costs linear time', () => {
  const text = `${'$('.repeat(500_000)})`
  expect(replaceMacros(text, () => undefined)).toBe(text)
})

test.each([
  ['my.db conn', 'MY_DB_CONN'],
  ['my-db', 'MY-DB'],
  ['Agent.JobStatus', 'AGENT_JOBSTATUS'],
])('the environment name of %s is %s', (name, expected) => {
  expect(toEnvironmentName(name)).toBe(expected)
})

test('values are resolved through others, whatever the case of their names', () => {
  const { store } = storeOf({ url: 'https://$(HOST)/$(path)', Host: '$(name).test', name: 'a' })
  expect(store.text('URL')).toBe('https://a.test/$(path)')
})

test('a circle is a warning for each variable in it, and their values stay', () => {
  const { store } = storeOf({ a: '$(b)', b: '$(a)', c: 'x$(b)', d: 'fine' })

  expect(store.resolveAll()).toEqual([
    "Unable to expand variable 'a'. A cyclical reference was detected.",
    "Unable to expand variable 'b'. A cyclical reference was detected.",
    "Unable to expand variable 'c'. A cyclical reference was detected.",
  ])
  expect(store.text('a')).toBe('$(b)')
  expect(store.text('d')).toBe('fine')
})

test.each([50, 51])('a chain of %i references is deep enough', (length) => {
  const values = Object.fromEntries(
    Array.from({ length }, (_, index) => [`v${index}`, `$(v${index + 1})`]),
  )
  const { store } = storeOf({ ...values, [`v${length}`]: 'end' })

  expect(store.text('v0')).toBe(length === 50 ? 'end' : '$(v1)')
  expect(store.resolveAll().slice(0, 1)).toEqual(
    length === 50
      ? []
      : ["Unable to expand variable 'v0'. The max expansion depth (50) was exceeded."],
  )
})

test('variables that double each other do not fill the memory', () => {
  const values = Object.fromEntries(
    Array.from({ length: 40 }, (_, index) => [`v${index}`, `$(v${index + 1})$(v${index + 1})`]),
  )
  const { store } = storeOf({ ...values, v40: 'x'.repeat(100) })

  expect(store.resolveAll()[0]).toBe("Unable to expand variable 'v0'. The result is too large.")
})

test('what uses a secret is a secret, and both are told', () => {
  const { store, secrets } = storeOf({ conn: 'user:$(pass)@host', pass: new Sealed('hidden') })

  expect(store.find('conn')).toMatchObject({ isSecret: true })
  expect(secrets).toEqual(['hidden', 'user:hidden@host'])
})

test('a secret that nobody fetched is known, empty and says so', () => {
  const { store } = storeOf({})
  store.set('later', undefined, { isSecret: true })

  expect(store.text('later')).toBe('')
  expect(store.find('later')).toMatchObject({ hasValue: false, isSecret: true })
})
