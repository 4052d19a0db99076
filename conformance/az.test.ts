import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  verify,
  X509Certificate,
} from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { type Account, makeAccount } from './content.ts'
import { Estate, type Outcome, runProgram } from './harness.ts'
import { findPython } from './python.ts'

/** Version 2.91.0 is the one that key-vault.md §20.2 was written from. */
const PACKAGE = 'azure-cli==2.91.0'
const VAULT = ['--vault-name', 'kv-az']
const URI = 'https://kv-az.vault.azure.net'
const HEX = '[0-9a-f]{32}'
const estate = new Estate()
let bin: string | undefined
let account: Account

beforeAll(async () => {
  bin = await findPython('az', [PACKAGE])
  if (!bin) return
  await estate.up()
  account = await makeAccount(estate, 'az')
  const made = await estate.json(['group', 'create', '-n', 'first', '-l', 'westeurope'])
  const subscription = String(made['id']).split('/').slice(0, 3).join('/')
  const grant = ['role', 'assignment', 'create', '--role', 'Owner', '--scope', subscription]
  await estate.json([...grant, '--assignee', account.appId])
  const service = ['login', '--service-principal', '-u', account.appId, '--tenant', account.tenant]
  const [signedIn] = await az(...service, '-p', account.password)
  expect(signedIn).toMatchObject({
    id: subscription.split('/')[2],
    isDefault: true,
    state: 'Enabled',
    tenantId: account.tenant,
    user: { name: account.appId, type: 'servicePrincipal' },
  })
  await az('group', 'create', '-n', 'g', '-l', 'westeurope')
  const { id } = await az('keyvault', 'create', '-n', 'kv-az', '-g', 'g', '-l', 'westeurope')
  const role = ['role', 'assignment', 'create', '--role', 'Key Vault Administrator']
  await az(...role, '--assignee', account.appId, '--scope', id)
})

afterAll(() => estate.remove())

function call(args: readonly string[]): Promise<Outcome> {
  if (!bin) throw new Error('az is absent')
  const python = path.join(bin, 'python')
  return estate.sluice(['exec', '--', python, '-m', 'azure.cli', ...args], {
    env: { AZURE_CONFIG_DIR: path.join(estate.home, 'azure'), AZURE_CORE_NO_COLOR: '1' },
  })
}

/** What a command prints, undefined when it prints nothing. */
// biome-ignore lint/suspicious/noExplicitAny: results of any command
async function az(...args: string[]): Promise<any> {
  const { code, stdout, stderr } = await call(args)
  if (code !== 0) throw new Error(`az ${args.slice(0, 3).join(' ')} ended with ${code}: ${stderr}`)
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

/** What a command that must fail says. */
async function refusal(...args: string[]): Promise<string> {
  const { code, stderr } = await call(args)
  return `${code} ${/^ERROR: .*/m.exec(stderr)?.[0] ?? stderr}`
}

/** Several commands at a time; a machine has two processors at least. */
function both<T extends readonly Promise<unknown>[]>(...commands: T) {
  return Promise.all(commands) as Promise<{ -readonly [I in keyof T]: Awaited<T[I]> }>
}

function named(name: string): string {
  return path.join(estate.home, name)
}

function write(name: string, text: string): string {
  return path.join(estate.folder('files', { [name]: text }), name)
}

function azTest(name: string, run: () => Promise<void>): void {
  test(name, async (context: TestContext) => {
    if (!bin) return context.skip(`${PACKAGE} cannot be installed from the package index`)
    await run()
  })
}

describe('az 2.91, unmodified, with nothing but sluice exec in front', () => {
  azTest('keyvault create, show, list, update, check-name, network-rule', async () => {
    const vault = await az('keyvault', 'show', '-n', 'kv-az')
    expect(vault).toMatchObject({
      name: 'kv-az',
      location: 'westeurope',
      resourceGroup: 'g',
      properties: {
        vaultUri: `${URI}/`,
        enableRbacAuthorization: true,
        enableSoftDelete: true,
        softDeleteRetentionInDays: 90,
        provisioningState: 'Succeeded',
        sku: { family: 'A', name: 'standard' },
        networkAcls: { bypass: 'AzureServices', defaultAction: 'Allow', ipRules: [] },
      },
      systemData: { createdBy: account.appId },
    })
    const [list, free, retention] = await both(
      az('keyvault', 'list'),
      az('keyvault', 'check-name', '-n', 'hsm-that-is-free'),
      refusal('keyvault', 'update', '-n', 'kv-az', '--retention-days', '20'),
    )
    expect(list.map(({ name }: { name: string }) => name)).toContain('kv-az')
    expect(free).toMatchObject({ nameAvailable: true })
    expect(retention).toContain('"softDeleteRetentionInDays" has been set already')

    const rule = ['-n', 'kv-az', '--ip-address']
    const added = await az('keyvault', 'network-rule', 'add', ...rule, '20.1.2.0/24')
    expect(added.properties.networkAcls.ipRules).toEqual([{ value: '20.1.2.0/24' }])
    const updated = await az('keyvault', 'update', '-n', 'kv-az', '--enabled-for-deployment')
    expect(updated.properties).toMatchObject({
      enabledForDeployment: true,
      networkAcls: { ipRules: [{ value: '20.1.2.0/24' }] },
    })
    expect(await az('keyvault', 'network-rule', 'list', '-n', 'kv-az')).toEqual({
      bypass: 'AzureServices',
      defaultAction: 'Allow',
      ipRules: [{ value: '20.1.2.0/24' }],
      virtualNetworkRules: [],
    })
    const removed = await az('keyvault', 'network-rule', 'remove', ...rule, '20.1.2.0/24')
    expect(removed.properties.networkAcls.ipRules).toEqual([])
  })

  azTest('keyvault set-policy, delete-policy, delete, list-deleted, recover, purge', async () => {
    const policy = ['--enable-rbac-authorization', 'false', '--retention-days', '7']
    const made = await az('keyvault', 'create', '-n', 'kv-policy', '-g', 'g', ...policy)
    expect(made.properties.accessPolicies).toHaveLength(1)
    expect(made.properties.softDeleteRetentionInDays).toBe(7)
    const name = ['-n', 'kv-policy']
    const spn = [...name, '--spn', account.appId]
    const rights = ['--secret-permissions', 'list', '--key-permissions', 'sign']
    const set = await az('keyvault', 'set-policy', ...spn, ...rights)
    expect(set.properties.accessPolicies).toMatchObject([
      { tenantId: account.tenant, permissions: { secrets: ['list'], keys: ['sign'] } },
    ])
    const refused = ['keyvault', 'secret', 'set', '--vault-name', 'kv-policy', '-n', 's']
    expect(await refusal(...refused, '--value', 'v')).toMatch(
      /^1 ERROR: \(Forbidden\) The user, group or application 'appid=.*does not have secrets set permission on key vault 'kv-policy;location=westeurope'/,
    )
    const without = await az('keyvault', 'delete-policy', ...spn)
    expect(without.properties.accessPolicies).toEqual([])

    expect(await az('keyvault', 'delete', ...name)).toBeUndefined()
    const [deleted, vaults, one] = await both(
      az('keyvault', 'list-deleted'),
      az('keyvault', 'list-deleted', '--resource-type', 'vault'),
      az('keyvault', 'show-deleted', ...name),
    )
    expect(deleted.map((item: { name: string }) => item.name)).toEqual(['kv-policy'])
    expect(vaults).toEqual(deleted)
    expect(one.properties).toMatchObject({ location: 'westeurope', purgeProtectionEnabled: null })
    const recovered = await az('keyvault', 'recover', ...name)
    expect(recovered.properties.vaultUri).toBe('https://kv-policy.vault.azure.net/')
    await az('keyvault', 'delete', ...name)
    await az('keyvault', 'purge', ...name)
    expect(await az('keyvault', 'list-deleted', '--resource-type', 'vault')).toEqual([])
    expect(await refusal('keyvault', 'show', ...name)).toContain("Vault 'kv-policy' not found")
  })

  azTest('role assignment create, list and delete; role definition list', async () => {
    const { id } = await az('keyvault', 'show', '-n', 'kv-az')
    const other = await makeAccount(estate, 'other')
    const scope = ['--assignee', other.appId, '--scope', `${id}/secrets/one`]
    const reader = ['--role', 'Key Vault Secrets User']
    const made = await az('role', 'assignment', 'create', ...scope, ...reader)
    expect(made).toMatchObject({ scope: `${id}/secrets/one`, principalType: 'ServicePrincipal' })
    const [listed, [role]] = await both(
      az('role', 'assignment', 'list', ...scope),
      az('role', 'definition', 'list', '--name', 'Key Vault Secrets User'),
    )
    expect(listed).toMatchObject([
      { roleDefinitionName: 'Key Vault Secrets User', roleDefinitionId: made.roleDefinitionId },
    ])
    expect(made.roleDefinitionId.endsWith(role.name)).toBe(true)
    expect(role.permissions[0].dataActions).toContain(
      'Microsoft.KeyVault/vaults/secrets/getSecret/action',
    )
    await az('role', 'assignment', 'delete', ...scope, ...reader)
    expect(await az('role', 'assignment', 'list', ...scope)).toEqual([])
  })

  azTest('keyvault secret: every verb', async () => {
    const secret = ['keyvault', 'secret']
    const s1 = [...VAULT, '-n', 's1']
    const set = await az(...secret, 'set', ...s1, '--value', 'hello', '--tags', 'a=b')
    expect(set).toMatchObject({
      id: expect.stringMatching(new RegExp(`^${URI}/secrets/s1/${HEX}$`)),
      name: 's1',
      value: 'hello',
      contentType: null,
      managed: null,
      tags: { a: 'b', 'file-encoding': 'utf-8' },
      attributes: {
        enabled: true,
        expires: null,
        notBefore: null,
        recoveryLevel: 'Recoverable+Purgeable',
        recoverableDays: 90,
      },
    })
    const file = write('value.txt', 'line one\nline two ü\n')
    const second = await az(...secret, 'set', ...s1, '-f', file, '--description', 'text/plain')
    const [shown, versioned, versions, list] = await both(
      az(...secret, 'show', ...s1),
      az(...secret, 'show', '--id', set.id),
      az(...secret, 'list-versions', ...s1),
      az(...secret, 'list', ...VAULT),
    )
    expect(shown).toMatchObject({ id: second.id, value: 'line one\nline two ü\n' })
    expect(versioned).toEqual(set)
    expect(versions.map(({ id }: { id: string }) => id).sort()).toEqual([set.id, second.id].sort())
    expect(list).toMatchObject([{ id: `${URI}/secrets/s1`, name: 's1' }])
    expect(JSON.stringify(list)).not.toContain('line one')

    const dates = ['--expires', '2040-01-01T00:00:00Z', '--not-before', '2020-01-01T00:00:00Z']
    const more = ['--enabled', 'true', '--content-type', 'x/y', ...dates]
    expect(await az(...secret, 'set-attributes', ...s1, ...more)).toMatchObject({
      id: second.id,
      contentType: 'x/y',
      attributes: {
        enabled: true,
        expires: '2040-01-01T00:00:00+00:00',
        notBefore: '2020-01-01T00:00:00+00:00',
      },
    })
    await both(
      az(...secret, 'backup', ...s1, '-f', named('s1.backup')),
      az(...secret, 'download', ...s1, '-f', named('s1.txt')),
    )
    expect(readFileSync(named('s1.txt'), 'utf8')).toBe('line one\nline two ü\n')
    expect(statSync(named('s1.backup')).size).toBeGreaterThan(100)

    expect(await az(...secret, 'delete', ...s1)).toMatchObject({
      recoveryId: `${URI}/deletedsecrets/s1`,
    })
    const [deleted, one, gone, again] = await both(
      az(...secret, 'list-deleted', ...VAULT),
      az(...secret, 'show-deleted', ...s1),
      refusal(...secret, 'show', ...s1),
      refusal(...secret, 'set', ...s1, '--value', 'again'),
    )
    expect(deleted).toMatchObject([{ name: 's1', recoveryId: `${URI}/deletedsecrets/s1` }])
    expect(Date.parse(one.scheduledPurgeDate) - Date.parse(one.deletedDate)).toBe(90 * 86_400_000)
    expect(gone).toMatch(/^3 ERROR: \(SecretNotFound\) A secret with \(name\/id\) s1 was not found/)
    expect(again).toMatch(/^1 ERROR: \(Conflict\) Secret s1 is currently in a deleted but recover/)
    expect(await az(...secret, 'recover', ...s1)).toMatchObject({ id: second.id })
    await az(...secret, 'delete', ...s1)
    await az(...secret, 'purge', ...s1)
    const restored = await az(...secret, 'restore', ...VAULT, '-f', named('s1.backup'))
    expect(restored).toMatchObject({ id: second.id, contentType: 'x/y' })
    expect(await az(...secret, 'list-versions', ...s1)).toHaveLength(2)
  })

  azTest('keyvault key: life of a key', async () => {
    const key = ['keyvault', 'key']
    const k1 = [...VAULT, '-n', 'k1']
    const made = await az(...key, 'create', ...k1, '--kty', 'RSA', '--tags', 'a=b')
    expect(made).toMatchObject({
      key: {
        kid: expect.stringMatching(new RegExp(`^${URI}/keys/k1/${HEX}$`)),
        kty: 'RSA',
        keyOps: ['encrypt', 'decrypt', 'sign', 'verify', 'wrapKey', 'unwrapKey'],
      },
      attributes: { enabled: true, exportable: false, recoveryLevel: 'Recoverable+Purgeable' },
      tags: { a: 'b' },
    })
    const rotate = { trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Rotate' } }
    const notify = { trigger: { timeBeforeExpiry: 'P10D' }, action: { type: 'Notify' } }
    const policy = { lifetimeActions: [rotate, notify], attributes: { expiryTime: 'P90D' } }
    const text = write('rotation.json', JSON.stringify(policy))
    const before = await az(...key, 'rotation-policy', 'show', ...k1)
    expect(before).toMatchObject({ id: `${URI}/keys/k1/rotationpolicy`, expiresIn: null })
    const set = await az(...key, 'rotation-policy', 'update', ...k1, '--value', text)
    expect(set).toMatchObject({
      expiresIn: 'P90D',
      lifetimeActions: [
        { action: 'Rotate', timeAfterCreate: 'P30D', timeBeforeExpiry: null },
        { action: 'Notify', timeAfterCreate: null, timeBeforeExpiry: 'P10D' },
      ],
    })
    const rotated = await az(...key, 'rotate', ...k1)
    expect(rotated.key.kid).not.toBe(made.key.kid)
    const { created, expires } = rotated.attributes
    expect(Date.parse(expires) - Date.parse(created)).toBe(90 * 86_400_000)
    const [shown, list, versions] = await both(
      az(...key, 'show', ...k1),
      az(...key, 'list', ...VAULT),
      az(...key, 'list-versions', ...k1),
    )
    expect(shown.key).toEqual(rotated.key)
    expect(list).toMatchObject([{ kid: `${URI}/keys/k1`, name: 'k1' }])
    expect(versions).toHaveLength(2)
    await both(
      az(...key, 'download', ...k1, '-f', named('k1.pem')),
      az(...key, 'backup', ...k1, '-f', named('k1.backup')),
    )
    const { n } = createPublicKey(readFileSync(named('k1.pem'))).export({ format: 'jwk' })
    expect(n).toBe(Buffer.from(rotated.key.n, 'base64').toString('base64url'))

    await az(...key, 'delete', ...k1)
    const [deleted, one] = await both(
      az(...key, 'list-deleted', ...VAULT),
      az(...key, 'show-deleted', ...k1),
    )
    expect(deleted).toMatchObject([{ name: 'k1', recoveryId: `${URI}/deletedkeys/k1` }])
    expect(one.key.kid).toBe(rotated.key.kid)
    await az(...key, 'recover', ...k1)
    await az(...key, 'delete', ...k1)
    await az(...key, 'purge', ...k1)
    await az(...key, 'restore', ...VAULT, '-f', named('k1.backup'))
    const [narrow, kept] = await both(
      az(...key, 'set-attributes', ...k1, '--ops', 'sign', 'verify'),
      az(...key, 'rotation-policy', 'show', ...k1),
    )
    expect(narrow.key).toMatchObject({ kid: rotated.key.kid, keyOps: ['sign', 'verify'] })
    expect(kept.expiresIn).toBe('P90D')
  })

  azTest('keyvault key: cryptography and import', async () => {
    const key = ['keyvault', 'key']
    const rsa = [...VAULT, '-n', 'rsa']
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = write('ec.pem', String(pair.privateKey.export({ format: 'pem', type: 'sec1' })))
    const [, imported, koblitz, hsm] = await both(
      az(...key, 'create', ...rsa, '--size', '2048'),
      az(...key, 'import', ...VAULT, '-n', 'ec', '--pem-file', pem),
      az(...key, 'create', ...VAULT, '-n', 'k256', '--kty', 'EC', '--curve', 'P-256K'),
      refusal(...key, 'create', ...VAULT, '-n', 'hsm', '--kty', 'RSA-HSM'),
    )
    const { x } = pair.publicKey.export({ format: 'jwk' })
    expect(Buffer.from(imported.key.x, 'base64').toString('base64url')).toBe(x)
    expect(koblitz.key.crv).toBe('P-256K')
    expect(hsm).toContain('1 ERROR: (NotSupported)')

    const message = Buffer.from('what is signed')
    const digest = createHash('sha256').update(message).digest('base64')
    const oaep = [...rsa, '-a', 'RSA-OAEP-256', '--data-type', 'base64', '--value']
    const ec = [...VAULT, '-n', 'ec', '-a', 'ES256', '--digest']
    const [sealed, signed] = await both(
      az(...key, 'encrypt', ...oaep, message.toString('base64')),
      az(...key, 'sign', ...ec, digest),
    )
    const signature = Buffer.from(signed.signature, 'base64')
    const by = { key: pair.publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(verify('sha256', message, by, signature)).toBe(true)
    const [opened, verified] = await both(
      az(...key, 'decrypt', ...oaep, sealed.result),
      az(...key, 'verify', ...ec, digest, '--signature', signed.signature),
    )
    expect(Buffer.from(opened.result, 'base64')).toEqual(message)
    expect(verified.isValid).toBe(true)
  })

  azTest('keyvault certificate: life of a certificate', async () => {
    const certificate = ['keyvault', 'certificate']
    const c1 = [...VAULT, '-n', 'c1']
    const policy = await az(...certificate, 'get-default-policy')
    const file = write('policy.json', JSON.stringify(policy))
    const operation = await az(...certificate, 'create', ...c1, '-p', `@${file}`)
    expect(operation).toMatchObject({
      id: `${URI}/certificates/c1/pending`,
      status: 'completed',
      target: `${URI}/certificates/c1`,
    })
    const [shown, list, versions] = await both(
      az(...certificate, 'show', ...c1),
      az(...certificate, 'list', ...VAULT),
      az(...certificate, 'list-versions', ...c1),
    )
    const leaf = new X509Certificate(Buffer.from(shown.cer, 'base64'))
    expect(leaf.subject).toBe('CN=CLIGetDefaultPolicy')
    expect(shown).toMatchObject({
      id: expect.stringMatching(new RegExp(`^${URI}/certificates/c1/${HEX}$`)),
      kid: expect.stringContaining(`${URI}/keys/c1/`),
      sid: expect.stringContaining(`${URI}/secrets/c1/`),
      policy: { issuerParameters: { name: 'Self' }, keyProperties: { keySize: 2048 } },
    })
    expect(list.map(({ name }: { name: string }) => name)).toContain('c1')
    expect(versions).toMatchObject([{ id: shown.id }])
    await both(
      az(...certificate, 'download', ...c1, '-f', named('c1.pem'), '-e', 'PEM'),
      az(...certificate, 'backup', ...c1, '-f', named('c1.backup')),
      az('keyvault', 'secret', 'download', ...c1, '-f', named('c1.pfx'), '-e', 'base64'),
    )
    expect(new X509Certificate(readFileSync(named('c1.pem'))).raw).toEqual(leaf.raw)
    const pfx = ['pkcs12', '-in', named('c1.pfx'), '-passin', 'pass:', '-nokeys', '-clcerts']
    expect((await runProgram('openssl', pfx)).stdout).toContain('BEGIN CERTIFICATE')
    const attributes = ['--enabled', 'true', '--tags', 'x=y']
    expect(await az(...certificate, 'set-attributes', ...c1, ...attributes)).toMatchObject({
      id: shown.id,
      tags: { x: 'y' },
    })
    expect(await az(...certificate, 'pending', 'show', ...c1)).toMatchObject({
      status: 'completed',
    })
    await az(...certificate, 'pending', 'delete', ...c1)
    await az(...certificate, 'delete', ...c1)
    expect(await az(...certificate, 'list-deleted', ...VAULT)).toMatchObject([
      { recoveryId: `${URI}/deletedcertificates/c1` },
    ])
    await az(...certificate, 'recover', ...c1)
    await az(...certificate, 'delete', ...c1)
    await az(...certificate, 'purge', ...c1)
    const restored = await az(...certificate, 'restore', ...VAULT, '-f', named('c1.backup'))
    expect(restored.id).toBe(shown.id)
  })

  azTest('keyvault certificate: import, merge, contacts and issuers', async () => {
    const certificate = ['keyvault', 'certificate']
    const [key, cer, pfx] = [named('i.key'), named('i.cer'), named('i.pfx')]
    const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30']
    await runProgram('openssl', [...self, '-subj', '/CN=imp.test', '-keyout', key, '-out', cer])
    const pem = `${readFileSync(key, 'utf8')}${readFileSync(cer, 'utf8')}`
    const source = write('i.pem', pem)
    const password = ['-passout', 'pass:pw']
    await runProgram('openssl', ['pkcs12', '-export', '-in', source, '-out', pfx, ...password])
    const policy = await az(...certificate, 'get-default-policy')
    policy.issuerParameters.name = 'Unknown'
    const unknown = write('unknown.json', JSON.stringify(policy))
    const [fromPem, fromPfx, begun] = await both(
      az(...certificate, 'import', ...VAULT, '-n', 'pem', '-f', source),
      az(...certificate, 'import', ...VAULT, '-n', 'pfx', '-f', pfx, '--password', 'pw'),
      az(...certificate, 'create', ...VAULT, '-n', 'cu', '-p', `@${unknown}`),
    )
    expect(fromPem.cer).toBe(fromPfx.cer)
    expect(fromPem.policy.issuerParameters.name).toBe('Unknown')
    expect(begun).toMatchObject({ status: 'inProgress', issuerParameters: { name: 'Unknown' } })
    const lines = `-----BEGIN CERTIFICATE REQUEST-----\n${begun.csr}\n-----END CERTIFICATE REQUEST-----\n`
    const ca = ['-CA', cer, '-CAkey', key, '-set_serial', '2', '-days', '10']
    const signed = named('cu.cer')
    await runProgram('openssl', ['x509', '-req', ...ca, '-out', signed], { stdin: lines })
    const merge = [...certificate, 'pending', 'merge', ...VAULT, '-n', 'cu', '-f', signed]
    expect((await az(...merge)).cer).toBe(
      new X509Certificate(readFileSync(signed)).raw.toString('base64'),
    )
    const contact = [...certificate, 'contact']
    expect(await refusal(...contact, 'list', ...VAULT)).toBe(
      '1 ERROR: (ContactsNotFound) Contacts not found',
    )
    await az(...contact, 'add', ...VAULT, '--email', 'a@b.test', '--name', 'Ann', '--phone', '1')
    expect(await az(...contact, 'list', ...VAULT)).toEqual({
      id: `${URI}/certificates/contacts`,
      contactList: [{ emailAddress: 'a@b.test', name: 'Ann', phone: '1' }],
    })
    await az(...contact, 'delete', ...VAULT, '--email', 'a@b.test')

    const issuer = [...certificate, 'issuer']
    const digi = [...VAULT, '--issuer-name', 'digi']
    expect(await az(...issuer, 'list', ...VAULT)).toEqual([])
    const credentials = ['--provider-name', 'DigiCert', '--account-id', '1', '--password', 'pw']
    const made = await az(...issuer, 'create', ...digi, ...credentials, '--organization-id', 'o1')
    expect(made).toMatchObject({ provider: 'DigiCert', credentials: { password: null } })
    const updated = await az(...issuer, 'update', ...digi, '--organization-id', 'o2')
    expect(updated.organizationDetails.id).toBe('o2')
    // `az` sends the new organization details without the id: they replace the old ones.
    const admin = ['--email', 'adm@b.test', '--first-name', 'A', '--last-name', 'B']
    await az(...issuer, 'admin', 'add', ...digi, ...admin)
    const [shown, admins] = await both(
      az(...issuer, 'show', ...digi),
      az(...issuer, 'admin', 'list', ...digi),
    )
    expect(shown.organizationDetails.id).toBeNull()
    expect(admins).toMatchObject([{ emailAddress: 'adm@b.test', firstName: 'A' }])
    await az(...issuer, 'delete', ...digi)
    expect(await az(...issuer, 'list', ...VAULT)).toEqual([])
  })
})
