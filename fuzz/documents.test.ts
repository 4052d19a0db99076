import { expect, test } from 'vitest'
import { fuzzDocuments } from './documents.ts'

const quiet = () => undefined

test('random documents keep every promise', () => {
  const report = fuzzDocuments(20_260_101, 250, quiet)

  expect(report.violations).toEqual([])
  expect(report.compiled).toBeGreaterThan(50)
})

test('the same seed gives the same documents, another seed others', () => {
  const [first, second, other] = [1, 1, 2].map((seed) => fuzzDocuments(seed, 60, quiet).compiled)

  expect(second).toBe(first)
  expect(other).not.toBe(first)
})
