import { expect, test } from 'vitest'
import { findService, hostsFileLines, servedSuffixes } from './hosts.ts'

test.each([
  ['login.microsoftonline.com', 'identity', undefined, 'login.microsoftonline.com', 443],
  [
    'westeurope.login.microsoftonline.com',
    'identity',
    'westeurope',
    'login.microsoftonline.com',
    443,
  ],
  ['LOGIN.windows.net:8443', 'identity', undefined, 'login.windows.net', 8443],
  ['sts.windows.net', 'identity', undefined, 'sts.windows.net', 443],
  ['management.azure.com.', 'arm', undefined, 'management.azure.com', 443],
  ['management.core.windows.net.:443', 'arm', undefined, 'management.core.windows.net', 443],
  ['graph.microsoft.com', 'graph', undefined, 'graph.microsoft.com', 443],
  ['Kv-1.vault.azure.net', 'vault', 'kv-1', 'vault.azure.net', 443],
  ['kv1.vault.usgovcloudapi.net', 'vault', 'kv1', 'vault.usgovcloudapi.net', 443],
  ['hsm.managedhsm.azure.net', 'managedHsm', 'hsm', 'managedhsm.azure.net', 443],
  [
    'topic.westeurope-1.eventgrid.azure.net',
    'events',
    'topic.westeurope-1',
    'eventgrid.azure.net',
    443,
  ],
  ['sluice.attest.azure.net', 'attestation', 'sluice', 'attest.azure.net', 443],
  ['dev.azure.com', 'devops', undefined, 'dev.azure.com', 443],
  ['vssps.dev.azure.com', 'devops', undefined, 'vssps.dev.azure.com', 443],
  ['app.vssps.visualstudio.com', 'devops', 'app.vssps', 'visualstudio.com', 443],
  ['kv1.vault.sluice.localhost:9443', 'vault', 'kv1', 'vault.sluice.localhost', 9443],
  ['dev.sluice.localhost', 'devops', undefined, 'dev.sluice.localhost', 443],
  ['localhost:9443', 'front', undefined, 'localhost', 9443],
  ['127.0.0.1', 'front', undefined, '127.0.0.1', 443],
  ['[::1]:80', 'front', undefined, '::1', 80],
])('%s leads to %s', (header, service, label, suffix, port) => {
  const host = header.toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '').replaceAll(/[[\]]/g, '')
  expect(findService(header)).toEqual({ service, suffix, host, port, ...(label && { label }) })
})

test.each([
  '',
  'example.com',
  'vault.azure.net',
  'a.b.vault.azure.net',
  'evilvault.azure.net',
  'sharedweu.weu.attest.azure.net',
  'other.dev.azure.com',
  'x.localhost',
  '.vault.azure.net',
  'kv1..vault.azure.net',
  'kv1.vault.azure.net:0',
  'kv1.vault.azure.net:99999',
  'kv1.vault.azure.net:x',
  'user@kv1.vault.azure.net',
  'kv1.vault.azure.net/path',
  'kv 1.vault.azure.net',
  `${'a'.repeat(250)}.vault.azure.net`,
  'constructor',
])('"%s" is none of ours', (header) => expect(findService(header)).toBeUndefined())

test('the hosts file leads every fixed name and each vault to the address', () => {
  const lines = hostsFileLines({ vaults: ['kv1', 'kv2'], hsms: ['hsm1'] }, '127.0.0.1')
  expect(lines).toEqual(
    expect.arrayContaining([
      '127.0.0.1 login.microsoftonline.com',
      '127.0.0.1 dev.azure.com',
      '127.0.0.1 kv2.vault.azure.net',
      '127.0.0.1 kv1.vault.sluice.localhost',
      '127.0.0.1 hsm1.managedhsm.azure.net',
    ]),
  )
  expect(lines.filter((line) => line.endsWith('localhost') && !line.includes('sluice'))).toEqual([])
})

test('what the authority may sign for covers every fixed name and nothing as broad as a domain', () => {
  for (const line of hostsFileLines({ vaults: ['kv1'], hsms: ['hsm1'] }, 'x')) {
    const name = line.slice(2)
    expect(
      servedSuffixes.some((own) => name === own || name.endsWith(`.${own}`)),
      name,
    ).toBe(true)
  }
  expect(servedSuffixes).not.toContain('azure.com')
  expect(servedSuffixes).not.toContain('microsoft.com')
})
