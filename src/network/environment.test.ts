import { execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { openCa } from './ca.ts'
import { clientEnvironment, formatEnvironment, writeBundle } from './environment.ts'

const root = mkdtempSync(path.join(os.tmpdir(), 'sluice-env-'))
afterAll(() => rmSync(root, { recursive: true }))

const to = { proxyPort: 9888, caFile: '/d/ca/ca.pem', bundleFile: '/d/ca/bundle.pem' }

test('every runtime is pointed at the proxy and at the authority', () => {
  expect(clientEnvironment(to)).toEqual({
    HTTPS_PROXY: 'http://127.0.0.1:9888',
    https_proxy: 'http://127.0.0.1:9888',
    HTTP_PROXY: 'http://127.0.0.1:9888',
    http_proxy: 'http://127.0.0.1:9888',
    NO_PROXY: 'localhost,127.0.0.1,::1',
    no_proxy: 'localhost,127.0.0.1,::1',
    NODE_USE_ENV_PROXY: '1',
    NODE_EXTRA_CA_CERTS: '/d/ca/ca.pem',
    SSL_CERT_FILE: '/d/ca/bundle.pem',
    REQUESTS_CA_BUNDLE: '/d/ca/bundle.pem',
    CURL_CA_BUNDLE: '/d/ca/bundle.pem',
    GIT_SSL_CAINFO: '/d/ca/bundle.pem',
    AZURE_CORE_COLLECT_TELEMETRY: 'false',
  })
})

test('what the surroundings say already is kept', () => {
  const inherited = {
    no_proxy: 'corp.example,localhost',
    NODE_EXTRA_CA_CERTS: '/corp.pem',
    JAVA_TOOL_OPTIONS: '-Xmx1g',
  }
  const variables = clientEnvironment({ ...to, trustStoreFile: '/d d/t.p12', inherited })
  expect(variables).toMatchObject({
    NO_PROXY: 'corp.example,localhost,127.0.0.1,::1',
    NODE_EXTRA_CA_CERTS: '/d/ca/bundle.pem',
  })
  expect(variables['JAVA_TOOL_OPTIONS']).toMatch(/^-Xmx1g -Dhttps\.proxyHost=127\.0\.0\.1 /)
  expect(variables['JAVA_TOOL_OPTIONS']).toContain('"-Djavax.net.ssl.trustStore=/d d/t.p12"')
})

test('the bundle holds the system roots, what was added before, and our authority last', () => {
  const data = mkdtempSync(path.join(root, 'data-'))
  const ca = openCa(data)
  const corporate = openCa(mkdtempSync(path.join(root, 'corp-')))
  const file = writeBundle(data, ca.pem, { NODE_EXTRA_CA_CERTS: corporate.file })
  const text = readFileSync(file, 'utf8')
  const all = text.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----/g) ?? []
  expect(all.length).toBeGreaterThan(20)
  expect(new X509Certificate(all.at(-1) ?? '').raw).toEqual(new X509Certificate(ca.pem).raw)
  expect(text).toContain(corporate.pem.trim())
  expect(statSync(file).mode & 0o777).toBe(0o644)
})

test('the bundle is written only when it changes, and never contains itself', () => {
  const data = mkdtempSync(path.join(root, 'data-'))
  const ca = openCa(data)
  const file = writeBundle(data, ca.pem, {})
  const before = statSync(file).ino
  writeBundle(data, ca.pem, { SSL_CERT_FILE: file, NODE_EXTRA_CA_CERTS: ca.file })
  expect(statSync(file).ino).toBe(before)
})

const AWKWARD = {
  PLAIN: '/a/b',
  QUOTES: `it's "quoted" \\ and \\' so`,
  MONEY: '$HOME `id` $(id) !x %PATH% ~ *',
  SPACES: '  two  ',
  TYPOGRAPHIC: 'a’b',
}

test('bash reads back exactly the values', () => {
  const file = path.join(root, 'env.sh')
  writeFileSync(file, formatEnvironment(AWKWARD, 'bash'))
  const script = `. "${file}"; for n in ${Object.keys(AWKWARD).join(' ')}; do printf '%s\\0' "\${!n}"; done`
  const out = execFileSync('bash', ['-c', script], { encoding: 'utf8' })
  expect(out.split('\0').slice(0, -1)).toEqual(Object.values(AWKWARD))
})

test.each([
  ['fish', `set -gx A 'it\\'s \\\\ $x'`],
  ['pwsh', `$env:A = 'it''s \\ $x'`],
  ['cmd', `set "A=it's \\ $x"`],
  ['bash', `export A='it'\\''s \\ $x'`],
] as const)('%s gets its own quoting', (shell, line) => {
  expect(formatEnvironment({ A: `it's \\ $x` }, shell)).toBe(`${line}\n`)
})

test('a value of more than one line is refused, because a shell would run its second line', () => {
  expect(() => formatEnvironment({ A: 'x\nrm -rf /' }, 'cmd')).toThrow(
    expect.objectContaining({ code: 'VariableNotPrintable' }),
  )
})

test('only the folder ca of the data directory is touched', () => {
  const data = mkdtempSync(path.join(root, 'data-'))
  writeBundle(data, openCa(data).pem, {})
  expect(existsSync(path.join(data, 'ca', 'bundle.pem'))).toBe(true)
  expect(execFileSync('ls', [data], { encoding: 'utf8' })).toBe('ca\n')
})
