import { expect, test } from 'vitest'
import { attributesOfScope, compileCondition } from './conditions.ts'

const V = 'Microsoft.KeyVault/vaults'
const GET = `${V}/secrets/getSecret/action`
const at = (name: string, action = GET) => ({
  action,
  attributes: attributesOfScope(
    `/subscriptions/s/resourceGroups/g/providers/${V}/kv/secrets/${name}`,
  ),
})
const NAME = `@Resource[${V}/secrets:name]`
const VENDOR = `!(ActionMatches{'${GET}'}) OR ${NAME} StringStartsWith 'test-app'`

test.each([
  [VENDOR, 'test-app-1', GET, true],
  [VENDOR, 'Test-app-1', GET, false],
  [VENDOR, 'other', GET, false],
  [VENDOR, 'other', `${V}/secrets/delete`, true],
  [`((!(ActionMatches{'${GET}'})) || (${NAME} StringEquals 'db'))`, 'db', GET, true],
  [`ActionMatches{'${V}/secrets/*'} && @Resource[${V}:name] StringEquals 'kv'`, 'a', GET, true],
  [`${NAME} StringNotEquals 'db'`, 'db', GET, false],
  [`${NAME} StringNotEquals 'db'`, 'x', GET, true],
  [`NOT ${NAME} StringLike 'prod-*'`, 'prod-db', GET, false],
  [`${NAME} StringLike 'pr?d*'`, 'prod-db', GET, true],
  [`${NAME} StringEqualsIgnoreCase 'DB'`, 'db', GET, true],
  [`${NAME} ForAnyOfAnyValues:StringEquals {'a', 'b'}`, 'b', GET, true],
  [`${NAME} ForAnyOfAllValues:StringNotEquals {'a', 'b'}`, 'b', GET, false],
  [`${NAME} ForAnyOfAnyValues:StringNotEquals {'a', 'b'}`, 'b', GET, true],
  [`Exists ${NAME}`, 'b', GET, true],
  [`NotExists ${NAME}`, 'b', GET, false],
])('%s for secret %s and %s is %s', (text, name, action, expected) => {
  expect(compileCondition(text)(at(name, action))).toBe(expected)
})

test('without a name a condition on the name does not hold', () => {
  const facts = { action: GET, attributes: attributesOfScope(`/x/providers/${V}/kv`) }
  expect(compileCondition(`${NAME} StringEquals 'db'`)(facts)).toBe(false)
  expect(compileCondition(`${NAME} StringNotEquals 'db'`)(facts)).toBe(false)
})

test.each([
  '',
  'true',
  `${NAME} StringEquals`,
  `${NAME} Matches 'x'`,
  `${NAME} StringEquals 'x' 'y'`,
  "@Environment[utcNow] StringEquals 'x'",
  `(${NAME} StringEquals 'x'`,
  "ActionMatches{'x'",
  '('.repeat(200),
  `${NAME} StringLike 'a*b*c*d*e*f*g'`,
  `${NAME} StringEquals "x"`,
])('%j is refused', (text) => {
  expect(() => compileCondition(text)).toThrow(/The condition cannot be read/)
})
