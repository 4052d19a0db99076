import { expect, test } from 'vitest'
import type { AuditEntry } from './entry.ts'
import { findEntries, packEntries } from './segment.ts'

const BARE: AuditEntry = {
  timeMs: 1,
  resourceId: '/V1',
  operationName: 'SecretGet',
  resultType: 'Success',
  resultSignature: 'OK',
  durationMs: 1,
  callerIpAddress: '127.0.0.1',
  requestId: '1',
  requestUri: 'https://v1/secrets/a?api-version=7.4',
  id: 'https://v1/secrets/a',
  httpStatusCode: 200,
}
const FULL: Required<AuditEntry> = {
  ...BARE,
  operationVersion: '7.4',
  resultDescription: 'It is "not" found.\n\u2028\ud800',
  correlationId: '2',
  identity: { objectId: 'o', tenantId: 't', appId: 'a', upn: 'u' },
  clientInfo: '',
  isRbacAuthorized: false,
  isAccessPolicyMatch: true,
  isAddressAuthorized: true,
  appliedAssignmentId: 'r',
  run: { runId: '7', stage: 's', job: 'j', step: 'p' },
}

test.each([
  ['members that come and go', [BARE, FULL, BARE, BARE, FULL, FULL]],
  ['numbers that become 0', [BARE, { ...BARE, durationMs: 0 }, { ...BARE, timeMs: 0 }]],
  ['answers that change', [FULL, { ...FULL, isRbacAuthorized: true, clientInfo: 'x' }, FULL]],
  ['callers with less known', [FULL, { ...FULL, identity: { objectId: 'o', tenantId: 't' } }]],
  ['runs with less known', [FULL, { ...FULL, run: { runId: '7' } }]],
  ['an id that the URI does not tell', [BARE, { ...BARE, id: 'https://v1' }, BARE]],
])('a segment gives back %s', (_case, entries: AuditEntry[]) => {
  expect(findEntries(packEntries(entries))).toStrictEqual(entries)
})

test('damaged content has no entries', () => {
  expect(findEntries(packEntries([FULL, BARE]).slice(0, 20))).toBeUndefined()
  expect(findEntries(new Uint8Array(0))).toBeUndefined()
})
