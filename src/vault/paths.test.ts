import fc from 'fast-check'
import { expect, test } from 'vitest'
import { meantMethod, plainPath } from './paths.ts'

test.each([
  ['/secrets/n', '/secrets/n'],
  ['/secrets/n/', '/secrets/n'],
  ['//secrets//n//', '/secrets/n'],
  ['/keys/n//sign', '/keys/n/sign'],
  ['/secrets/n%2Fv', '/secrets/n/v'],
  ['/secrets%2fn%2F', '/secrets/n'],
  ['/secrets/%zz', '/secrets/%25zz'],
  ['/secrets/a%5Fb', '/secrets/a%5Fb'],
  ['/', '/'],
  ['//', '/'],
])('the path %s is %s', (given, plain) => {
  expect(plainPath(given)).toBe(plain)
})

test('a plain path stays, can be decoded, and has no empty segment', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^\/[a-zA-Z0-9%/_.-]{0,30}$/), (given) => {
      const plain = plainPath(given)
      expect(plainPath(plain)).toBe(plain)
      expect(() => decodeURIComponent(plain)).not.toThrow()
      expect(plain).not.toMatch(/\/\/|.\/$|%2f/i)
    }),
  )
})

test.each([
  ['POST', { 'x-http-method': 'delete' }, 'DELETE'],
  ['POST', { 'x-http-request': 'PATCH' }, 'PATCH'],
  ['POST', { 'x-http-method': 'TRACE' }, 'POST'],
  ['GET', { 'x-http-method': 'DELETE' }, 'GET'],
])('%s with %o means %s', (method, headers, meant) => {
  expect(meantMethod(method, headers)).toBe(meant)
})
