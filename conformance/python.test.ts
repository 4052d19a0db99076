import path from 'node:path'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { makeApplication } from './application.ts'
import { Estate } from './harness.ts'
import { findPython } from './python.ts'

const PACKAGES = [
  'azure-identity==1.27.0',
  'azure-keyvault-secrets==4.12.0',
  'azure-keyvault-keys==4.11.3',
  'azure-keyvault-certificates==4.12.0',
]
const estate = new Estate()
let bin: string | undefined
let env: Record<string, string> = {}

beforeAll(async () => {
  bin = await findPython('python', PACKAGES)
  if (!bin) return
  env = await makeApplication(estate, 'kv-python')
})

afterAll(() => estate.remove())

/** What the program prints; it must have nothing to say on stderr. */
async function results(script: string): Promise<unknown> {
  const python = path.join(bin ?? '', 'python')
  const program = path.join(import.meta.dirname, 'clients/python', script)
  const { stdout, stderr } = await estate.sluice(['exec', '--', python, program], { env })
  expect(stderr).toBe('')
  return JSON.parse(stdout)
}

function pythonTest(name: string, run: () => Promise<void>): void {
  test(name, async (context: TestContext) => {
    if (!bin) return context.skip(`${PACKAGES.join(', ')} cannot be installed`)
    await run()
  })
}

describe('Python clients, unmodified, challenge verification on, https://NAME.vault.azure.net', () => {
  pythonTest('azure-keyvault-secrets', async () => {
    expect(await results('use_secrets.py')).toEqual({
      newest: 'second $ ! ; @ # \' "\nline',
      pinned: 'first',
      tags: { env: 'dev' },
      listed: 30,
      versions: 2,
      disabled: '403 Forbidden',
      deleted: 'page-1',
      gone: '404 SecretNotFound',
      conflict: '409 Conflict',
      recovered: '1',
      restored: '1',
    })
  })

  pythonTest('azure-keyvault-keys, cryptography in the vault and at home', async () => {
    // Holds elsewhere, holds in the vault, does not hold for another digest, holds at home.
    const signed = [true, true, false, true]
    const padded = ['RSA1_5', 'RSA-OAEP', 'RSA-OAEP-256']
    const signing = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
    const curves = ['ES256', 'ES384', 'ES512', 'ES256K']
    const each = (names: string[], value: unknown) =>
      Object.fromEntries(names.map((name) => [name, value]))
    expect(await results('use_keys.py')).toEqual({
      ops: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
      signed: each([...signing, ...curves], signed),
      sealed: each(padded, [true, true]),
      local: each(padded, true),
      symmetric: each(['A256GCM', 'A256CBCPAD', 'A256KW'], true),
      imported: true,
      forbidden: '403 Forbidden',
      policy: 'P90D',
      rotated: true,
      versions: 2,
      listed: ['ec-P-256', 'ec-P-256K', 'ec-P-384', 'ec-P-521', 'imported', 'oct', 'rsa'],
      disabled: '403 Forbidden',
      deleted: 'ec-P-384',
      conflict: '409 Conflict',
      restored: true,
      old: [null, 'Recoverable+Purgeable'],
    })
  })

  pythonTest('azure-keyvault-certificates: poller, merge, import, issuers', async () => {
    expect(await results('use_certificates.py')).toEqual({
      subject: 'CN=app.test',
      names: ['app.test', 'www.app.test'],
      months: 24,
      tags: { a: 'b' },
      pfx: ['application/x-pkcs12', true, true],
      versions: 1,
      updated: { c: 'd' },
      request: ['inProgress', true],
      merged: true,
      pending: '404 PendingCertificateNotFound',
      imported: [true, 'Unknown', 'EC'],
      chain: [true, [true]],
      wrong: '400 BadParameter',
      pem: 2,
      issuer: ['DigiCert', '1', null, 'a@a.test'],
      contacts: ['c@a.test'],
      none: '404 ContactsNotFound',
      gone: '404 CertificateNotFound',
      restored: true,
    })
  })
})
