import { defineConfig } from 'vitest/config'

/**
 * `unit`: beside the sources and the fuzzing, unisolated in threads. `token`: the same with SoftHSM, which a
 * process sets up once, so that each file has one. `conformance`: real clients, real processes.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts', 'fuzz/**/*.test.ts'],
          exclude: ['src/**/*.token.test.ts'],
          isolate: false,
          pool: 'threads',
          testTimeout: 20_000,
          hookTimeout: 30_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'token',
          include: ['src/**/*.token.test.ts'],
          pool: 'forks',
          testTimeout: 60_000,
          hookTimeout: 240_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['conformance/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
