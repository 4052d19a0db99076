import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Sealed } from '../src/base/sealed.ts'
import { CKA, CKO, HsmToken } from '../src/pkcs11/index.ts'
import {
  findSoftHsm,
  SOFT_HSM_ABSENT,
  type SoftHsm,
  startSoftHsm,
} from '../src/pkcs11/testing/index.ts'
import { Estate, type Outcome, runProgram } from './harness.ts'

const client = path.join(import.meta.dirname, 'clients/hsm-keys.mjs')
const modulePath = findSoftHsm()
const estates: Estate[] = []
const hsm: SoftHsm | undefined = modulePath ? startSoftHsm(modulePath) : undefined
if (hsm) Object.assign(process.env, hsm.env)

afterAll(async () => {
  for (const estate of estates) await estate.remove()
  hsm?.remove()
})

interface Bench {
  readonly estate: Estate
  readonly flags: readonly string[]
  readonly pinFile: string
}

/** An estate whose token has the label; the PIN lies in a file of its owner. */
function prepare({ makeToken, modulePath: module, pin }: SoftHsm, label: string): Bench {
  makeToken(label)
  const estate = new Estate()
  estates.push(estate)
  const pinFile = path.join(estate.home, 'pin')
  writeFileSync(pinFile, `${pin}\n`, { mode: 0o600 })
  const flags = ['--pkcs11-module', module, '--pkcs11-token', label, '--pkcs11-pin-file', pinFile]
  return { estate, flags, pinFile }
}

const up = (estate: Estate, ...flags: readonly string[]): Promise<Outcome> =>
  estate.sluice(['up', '--port', '0', '--proxy-port', '0', '--detach', ...flags])

/** A premium vault for which an application has every key permission. */
async function makePremium(estate: Estate): Promise<Record<string, string>> {
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  const made = ['keyvault', 'create', '-n', 'kv-hsm', '-g', 'g', '--sku', 'premium']
  const { id } = await estate.json(made)
  const created = await estate.json(['ad', 'sp', 'create-for-rbac', '-n', 'app'])
  const grant = ['role', 'assignment', 'create', '--role', 'Key Vault Crypto Officer']
  await estate.json([...grant, '--assignee', String(created['appId']), '--scope', String(id)])
  return {
    TENANT_ID: String(created['tenant']),
    CLIENT_ID: String(created['appId']),
    CLIENT_SECRET: String(created['password']),
    VAULT_URL: 'https://kv-hsm.vault.azure.net',
  }
}

/** Every byte of every file below a folder. */
function bytesOf(folder: string): Buffer {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  return Buffer.concat(
    files.flatMap((file) =>
      file.isFile() ? [readFileSync(path.join(file.parentPath, file.name))] : [],
    ),
  )
}

test('an unmodified program uses keys that live in a token and never leave it', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  const { estate, flags } = prepare(hsm, 'keys')
  const started = await up(estate, ...flags)
  expect(started).toMatchObject({ code: 0 })
  expect(JSON.parse(started.stdout)).toMatchObject({ hsmKeys: `token keys (${modulePath})` })
  const env = await makePremium(estate)
  const ran = await estate.sluice(['exec', '--', process.execPath, client], { env })
  expect(ran.stderr).toBe('')
  const { seen, versions, ...imported } = JSON.parse(ran.stdout)
  const proven = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'RSA1_5', 'RSA-OAEP']
  const rest = ['RSA-OAEP-256', 'ES256', 'ES256K', 'ES384', 'ES512', 'A256GCM', 'A256KW']
  expect(seen).toEqual({
    kty: 'RSA-HSM',
    platform: '1',
    ...Object.fromEntries([...proven, ...rest].map((name) => [name, true])),
    openssl: 'Verified OK',
    imported: '1',
    backup: '400 NotSupported',
    software: '0',
  })

  const pin = new Sealed(hsm.pin)
  const token = await HsmToken.open({ modulePath: hsm.modulePath, token: 'keys', pin })
  for (const [name, version] of Object.entries<string>(versions)) {
    const cls = name === 'oct' ? CKO.secretKey : CKO.privateKey
    const ref = { class: cls, id: Buffer.from(version, 'hex') }
    const [sensitive, extractable, exponent, value] = await token.read(ref, [
      CKA.sensitive,
      CKA.extractable,
      CKA.privateExponent,
      CKA.value,
    ])
    expect([name, sensitive?.[0], extractable?.[0]]).toEqual([name, 1, 0])
    expect([exponent, value]).toEqual([undefined, undefined])
  }
  await token.close()

  expect((await estate.sluice(['down'])).code).toBe(0)
  const stored = bytesOf(estate.data)
  for (const text of [imported.importedD, imported.importedP] as string[]) {
    expect(stored.includes(Buffer.from(text, 'base64url'))).toBe(false)
    expect(stored.includes(text)).toBe(false)
  }
  expect(stored.includes(hsm.pin)).toBe(false)
  // Another process needs no flags: the data directory knows its token.
  expect(JSON.parse((await up(estate)).stdout)).toMatchObject({
    hsmKeys: `token keys (${modulePath})`,
  })
})

test('a token that is configured but wrong is one clear error, and nothing is touched', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  const { estate, flags, pinFile } = prepare(hsm, 'clear')
  const [module, , , , ...rest] = flags
  const absent = await up(estate, String(module), hsm.modulePath, '--pkcs11-token', 'nope', ...rest)
  expect(absent.code).toBe(1)
  expect(absent.stderr).toContain('has no token "nope"')

  writeFileSync(pinFile, 'not-the-pin')
  const wrong = await up(estate, ...flags)
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toContain('refuses the PIN')
  expect(wrong.stderr.trim().split('\n')).toHaveLength(1)
  expect(wrong.stderr).not.toContain('not-the-pin')

  chmodSync(pinFile, 0o644)
  const open = await up(estate, ...flags)
  expect(open.code).toBe(1)
  expect(open.stderr).toContain('chmod 600')
  expect(readdirSync(estate.data)).toEqual(['server.log'])
})

test('the root key lives in the token: made, found, missed, and changed while serving', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  const { estate, flags } = prepare(hsm, 'root')
  const made = await estate.json(['init', '--root-key', 'pkcs11', ...flags])
  expect(made).toMatchObject({ provider: 'pkcs11' })
  expect(existsSync(path.join(estate.data, 'root.key'))).toBe(false)
  expect((await up(estate)).code).toBe(0)
  const env = await makePremium(estate)
  expect(env['TENANT_ID']).toBeDefined()

  const toFile = await estate.json(['root-key', 'rotate', '--to', 'file'])
  expect(toFile).toMatchObject({ provider: 'file' })
  expect(await estate.json(['keyvault', 'show', '-n', 'kv-hsm'])).toMatchObject({ name: 'kv-hsm' })
  const back = await estate.json(['root-key', 'rotate', '--to', 'pkcs11'])
  expect(back).toMatchObject({ provider: 'pkcs11' })
  const again = await estate.json(['root-key', 'rotate'])
  expect(again['id']).not.toBe(back['id'])
  expect((await estate.sluice(['down'])).code).toBe(0)
  expect(existsSync(path.join(estate.data, 'root.key'))).toBe(false)

  const before = readFileSync(path.join(estate.data, 'root-key.json'), 'utf8')
  const away = `${hsm.tokens}-away`
  renameSync(hsm.tokens, away)
  const missed = await up(estate)
  renameSync(away, hsm.tokens)
  expect(missed.code).toBe(1)
  expect(missed.stderr.trim().split('\n')).toHaveLength(1)
  expect(missed.stderr).toContain('"root"')
  expect(readFileSync(path.join(estate.data, 'root-key.json'), 'utf8')).toBe(before)
  expect((await up(estate)).code).toBe(0)
  expect(await estate.json(['keyvault', 'show', '-n', 'kv-hsm'])).toMatchObject({ name: 'kv-hsm' })

  const passphraseFile = path.join(estate.home, 'passphrase')
  writeFileSync(passphraseFile, 'correct horse battery staple', { mode: 0o600 })
  const given = { env: { SLUICE_BACKUP_PASSPHRASE_FILE: passphraseFile } }
  const file = path.join(estate.home, 'all.backup')
  await estate.json(['backup', 'create', '--file', file], given)
  const data = path.join(estate.home, 'restored')
  const restore = ['backup', 'restore', '--file', file, '--data', data, '--root-key', 'pkcs11']
  await estate.json([...restore, ...flags], given)
  const shown = ['keyvault', 'show', '-n', 'kv-hsm', '--data', data]
  expect(await estate.json(shown)).toMatchObject({ name: 'kv-hsm' })
})

test('without a file the PIN is asked for in the terminal, also for a server in the background', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  const { estate, flags } = prepare(hsm, 'asked')
  const start = ['up', '--port', '0', '--proxy-port', '0', '--detach', ...flags.slice(0, 4)]
  const { code, stdout } = await estate.inTerminal(start, { answers: [hsm.pin] })
  expect([code, stdout]).toEqual([0, expect.stringContaining('PIN of the HSM token')])
  expect(stdout).toContain('"state": "running"')
  expect(stdout).not.toContain(hsm.pin)
  const kept = JSON.parse(readFileSync(path.join(estate.data, 'pkcs11.json'), 'utf8'))
  expect(kept).toEqual({ module: hsm.modulePath, token: 'asked' })
  expect((await estate.sluice(['down'])).code).toBe(0)
  const alone = await up(estate)
  expect(alone.stderr).toContain('A PIN is needed and nobody can be asked')
})

test('every command of the page about tokens works as it is written', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  const estate = new Estate()
  estates.push(estate)
  const root = path.resolve(import.meta.dirname, '..')
  const page = readFileSync(path.join(root, 'docs', 'hsm-tokens.md'), 'utf8')
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = '']) =>
    block
      .replace('sluice up --detach', 'sluice up --detach --port 0 --proxy-port 0')
      .replace('/usr/lib/softhsm/libsofthsm2.so', hsm.modulePath),
  )
  expect(blocks).toHaveLength(2)
  const [bin, cwd] = [estate.folder('bin', { sluice: launcherScript(root) }), estate.home]
  chmodSync(path.join(bin, 'sluice'), 0o755)
  const script = `set -euo pipefail\n${blocks.join('\n')}`
  const env = { ...hsm.env, SLUICE_DATA: estate.data, PATH: `${bin}:${process.env['PATH']}` }
  const { code, stdout, stderr } = await runProgram('bash', ['-c', script], { cwd, env })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('"hsmKeys": "token sluice')
  expect(stdout).toContain('"provider": "pkcs11"')
})

function launcherScript(root: string): string {
  return `#!/bin/sh\nexec "${process.execPath}" "${path.join(root, 'bin/sluice.mjs')}" "$@"\n`
}

test('a server that was started without a token goes on when its root key moves into one', async (context) => {
  if (!hsm) return context.skip(SOFT_HSM_ABSENT)
  const { estate, flags } = prepare(hsm, 'later')
  expect((await up(estate)).code).toBe(0)
  await makePremium(estate)
  const moved = await estate.json(['root-key', 'rotate', '--to', 'pkcs11', ...flags])
  expect(moved).toMatchObject({ provider: 'pkcs11' })
  // A new vault gets a data key, which the server wraps by the token's key.
  const policy = ['--enable-rbac-authorization', 'false']
  await estate.json(['keyvault', 'create', '-n', 'kv-new', '-g', 'g', ...policy])
  const set = ['keyvault', 'secret', 'set', '--vault-name', 'kv-new', '-n', 's', '--value', 'one']
  await estate.json(set)
  expect((await estate.sluice(['down'])).code).toBe(0)
  expect((await up(estate)).code).toBe(0)
  const show = ['keyvault', 'secret', 'show', '--vault-name', 'kv-new', '-n', 's']
  expect(await estate.json(show)).toMatchObject({ value: 'one' })
})
