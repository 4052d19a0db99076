import { expect, test } from 'vitest'
import { policyNote, roleNotes } from './effect-notes.ts'
import type { RunningServer } from './running-server.ts'

const NOON_MS = Date.UTC(2026, 0, 31, 12)
const quick: RunningServer = {
  pid: 1,
  port: 8443,
  proxyPort: 8444,
  startedAtMs: NOON_MS,
  version: '0',
}
const realistic: RunningServer = {
  ...quick,
  realism: { throttling: true, roleDelaySeconds: 300, policyDelaySeconds: 30 },
}
const assignment = {
  updatedOn: new Date(NOON_MS).toISOString(),
  roleDefinitionName: 'Key Vault Secrets User',
  principalName: 'app-1',
  scope: '/subscriptions/s',
}

test.each([
  [0, '5 min'],
  [1500, '4 min 59 s'],
  [299_999, '1 s'],
])('%i ms after a role was given, it is effective in %s', (passedMs, words) => {
  expect(roleNotes([assignment], realistic, NOON_MS + passedMs)).toBe(
    `Effective in ${words}: Key Vault Secrets User for app-1 at /subscriptions/s.\n`,
  )
})

test('nothing is said of roles that hold, or when changes take no time', () => {
  expect(roleNotes([assignment], realistic, NOON_MS + 300_000)).toBe('')
  expect(roleNotes([assignment], quick, NOON_MS)).toBe('')
  expect(roleNotes([assignment], undefined, NOON_MS)).toBe('')
})

test('an assignment without names is told by its ids', () => {
  const bare = {
    ...assignment,
    roleDefinitionName: '',
    roleDefinitionId: '/x/r1',
    principalName: '',
  }
  expect(roleNotes([{ ...bare, principalId: 'p1' }], realistic, NOON_MS)).toBe(
    'Effective in 5 min: r1 for p1 at /subscriptions/s.\n',
  )
})

test('changed access policies wait for their own delay', () => {
  expect(policyNote(realistic)).toBe('Effective in 30 s.\n')
  expect(policyNote(quick)).toBe('')
})
