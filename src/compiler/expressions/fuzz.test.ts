import { expect, test } from 'vitest'
import { fuzzExpressions } from './fuzz.ts'

test('random expressions keep every promise', () => {
  const report = fuzzExpressions(20_260_101, 5_000)

  expect(report.violations).toEqual([])
  expect(report.parsed).toBeGreaterThan(2_000)
  expect(report.evaluated).toBeGreaterThan(1_000)
})

test('the same seed gives the same expressions, another seed others', () => {
  const [first, second, other] = [1, 1, 2].map((seed) => fuzzExpressions(seed, 300))

  expect([second?.parsed, second?.evaluated]).toEqual([first?.parsed, first?.evaluated])
  expect([other?.parsed, other?.evaluated]).not.toEqual([first?.parsed, first?.evaluated])
})
