import { execFile, execFileSync, spawn } from 'node:child_process'
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  X509Certificate,
} from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { inspect, promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { openCa } from './ca.ts'
import { makeCertificate } from './certificate.ts'

const DAY_MS = 86_400_000
const run = promisify(execFile)
const root = mkdtempSync(path.join(os.tmpdir(), 'sluice-ca-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function newFolder(): string {
  return mkdtempSync(path.join(root, 'data-'))
}

/** `openssl verify` with strict reading of the standards: its output, failures included. */
function verify(caFile: string, leafPem: string, ...options: string[]): string {
  const leaf = path.join(mkdtempSync(path.join(root, 'leaf-')), 'leaf.pem')
  writeFileSync(leaf, leafPem)
  try {
    const args = ['verify', '-x509_strict', '-purpose', 'sslserver', ...options, '-CAfile', caFile]
    return execFileSync('openssl', [...args, leaf], { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    return String((error as { stderr: string }).stderr)
  }
}

test.each([
  'kv1.vault.azure.net',
  'kv1.vault.azure.cn',
  'hsm1.managedhsm.azure.net',
  'login.microsoftonline.com',
  'dev.azure.com',
  'fabrikam.visualstudio.com',
  'kv1.vault.sluice.localhost',
])('OpenSSL accepts the leaf for %s, for exactly that name', (name) => {
  const ca = openCa(newFolder())
  const leaf = ca.findLeaf(name)
  expect(verify(ca.file, leaf?.cert ?? '', '-verify_hostname', name)).toMatch(/: OK\n$/)
  expect(verify(ca.file, leaf?.cert ?? '', '-verify_hostname', 'other.vault.azure.net')).toContain(
    'hostname mismatch',
  )
})

test('another key gets a leaf for a name of ours, and none for others', () => {
  const ca = openCa(newFolder())
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const leaf = ca.certify('kv1.vault.azure.net', publicKey) ?? ''
  expect(verify(ca.file, leaf, '-verify_hostname', 'kv1.vault.azure.net')).toMatch(/: OK\n$/)
  expect(new X509Certificate(leaf).publicKey.equals(publicKey)).toBe(true)
  expect(ca.certify('example.com', publicKey)).toBeUndefined()
})

test('the loopback leaf is for localhost and both loopback addresses', () => {
  const ca = openCa(newFolder())
  const leaf = ca.findLeaf('127.0.0.1')
  expect(leaf).toBe(ca.findLeaf('localhost'))
  for (const address of ['127.0.0.1', '::1'])
    expect(verify(ca.file, leaf?.cert ?? '', '-verify_ip', address)).toMatch(/: OK\n$/)
})

test.each(['example.com', 'azure.com', 'evil-vault.azure.net', 'a.b.vault.azure.net', '', '*'])(
  'no leaf is made for the foreign name "%s"',
  (name) => expect(openCa(newFolder()).findLeaf(name)).toBeUndefined(),
)

test.each(['example.com', 'www.microsoft.com', 'portal.azure.com'])(
  'a leaf for %s, made with the stolen key, is refused by OpenSSL',
  (name) => {
    const folder = newFolder()
    const ca = openCa(folder)
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = readFileSync(path.join(folder, 'ca', 'ca.key'), 'utf8')
    const cert = makeCertificate({
      subject: name,
      issuer: 'Sluice local authority',
      publicKey,
      issuerPrivateKey: createPrivateKey(key),
      issuerPublicKey: createPublicKey(key),
      notBeforeMs: Date.now() - 1000,
      notAfterMs: Date.now() + DAY_MS,
      names: { hosts: [name], addresses: [] },
      kind: 'leaf',
    })
    expect(verify(ca.file, cert)).toContain('permitted subtree violation')
  },
)

test('a leaf lives at most 397 days and is replaced before it ends', () => {
  const clock = manualClock(Date.now())
  const ca = openCa(newFolder(), clock)
  const leaf = ca.findLeaf('kv1.vault.azure.net')
  const certificate = new X509Certificate(leaf?.cert ?? '')
  const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / DAY_MS
  expect(days).toBeLessThanOrEqual(397)
  clock.moveMs(300 * DAY_MS)
  expect(ca.findLeaf('KV1.vault.azure.net.')).toBe(leaf)
  clock.moveMs(80 * DAY_MS)
  expect(ca.findLeaf('kv1.vault.azure.net')).not.toBe(leaf)
})

test('the authority outlives the restart, and an old one is renewed with the same key', () => {
  const folder = newFolder()
  const first = openCa(folder)
  expect(openCa(folder).pem).toBe(first.pem)
  const renewed = openCa(folder, manualClock(Date.now() + 3500 * DAY_MS))
  expect(renewed.pem).not.toBe(first.pem)
  const [before, after] = [new X509Certificate(first.pem), new X509Certificate(renewed.pem)]
  expect(after.publicKey.equals(before.publicKey)).toBe(true)
})

test('the key file is for its owner alone, and no leaf key is written', () => {
  const folder = newFolder()
  openCa(folder).findLeaf('kv1.vault.azure.net')
  expect(readdirSync(path.join(folder, 'ca')).sort()).toEqual(['ca.key', 'ca.pem'])
  expect(statSync(path.join(folder, 'ca', 'ca.key')).mode & 0o777).toBe(0o600)
})

test('a key file that others may read is refused', () => {
  const folder = newFolder()
  openCa(folder)
  chmodSync(path.join(folder, 'ca', 'ca.key'), 0o644)
  expect(() => openCa(folder)).toThrow(expect.objectContaining({ code: 'CaKeyExposed' }))
})

test.each(['ca.pem', 'ca.key'])('a damaged %s is refused with what to do', (name) => {
  const folder = newFolder()
  openCa(folder)
  writeFileSync(path.join(folder, 'ca', name), 'not a certificate')
  expect(() => openCa(folder)).toThrow(
    expect.objectContaining({ code: 'CaBroken', message: expect.stringContaining('Delete') }),
  )
})

test('a key without its certificate, as a crash leaves it, is completed', () => {
  const folder = newFolder()
  openCa(folder)
  rmSync(path.join(folder, 'ca', 'ca.pem'))
  const ca = openCa(folder)
  expect(verify(ca.file, ca.findLeaf('dev.azure.com')?.cert ?? '')).toMatch(/: OK\n$/)
})

const OPEN_SCRIPT = `const { openCa } = await import(process.argv[1])
  const ca = openCa(process.argv[2])
  process.stdout.write(ca.pem + ca.findLeaf('kv1.vault.azure.net').cert)`

function openArgs(folder: string): string[] {
  const module = path.join(import.meta.dirname, 'ca.ts')
  return ['--input-type=module', '-e', OPEN_SCRIPT, module, folder]
}

test('processes that start at once on one data directory share one authority', async () => {
  const folder = newFolder()
  const all = await Promise.all(
    Array.from({ length: 6 }, () => run(process.execPath, openArgs(folder))),
  )
  const keys = all.map(({ stdout }) => new X509Certificate(stdout).publicKey)
  expect(keys.every((key) => keys[0]?.equals(key))).toBe(true)
  for (const { stdout } of all) {
    const leaf = stdout.slice(stdout.lastIndexOf('-----BEGIN'))
    expect(verify(path.join(folder, 'ca', 'ca.pem'), leaf)).toMatch(/: OK\n$/)
  }
})

test('a start that is killed at any moment leaves a directory that the next start can use', async () => {
  const folder = newFolder()
  for (let delayMs = 20; delayMs <= 60; delayMs += 5) {
    const child = spawn(process.execPath, openArgs(folder), { stdio: 'ignore' })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await new Promise((resolve) => setTimeout(resolve, delayMs))
    child.kill('SIGKILL')
    await ended
    const ca = openCa(folder)
    expect(verify(ca.file, ca.findLeaf('dev.azure.com')?.cert ?? '')).toMatch(/: OK\n$/)
    if (delayMs < 60) for (const name of ['ca.key', 'ca.pem']) remove(path.join(folder, 'ca', name))
  }
})

function remove(file: string): void {
  if (existsSync(file)) rmSync(file)
}

test('a draft of the key that a killed start left behind is removed', () => {
  const folder = newFolder()
  openCa(folder)
  const draft = path.join(folder, 'ca', 'ca.key.x.tmp')
  writeFileSync(draft, 'half a key')
  utimesSync(draft, 1, 1)
  openCa(folder)
  expect(existsSync(draft)).toBe(false)
})

test('a leaf prints without its key', () => {
  const leaf = openCa(newFolder()).findLeaf('dev.azure.com')
  expect(JSON.stringify(leaf) + inspect(leaf)).not.toContain('PRIVATE')
})
