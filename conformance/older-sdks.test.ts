import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeApplication } from './application.ts'
import { Estate } from './harness.ts'
import { madeOnce, tryProgram } from './made-once.ts'

const estate = new Estate()
let env: Record<string, string> = {}

beforeAll(async () => {
  env = await makeApplication(estate, 'kv-older')
})

afterAll(() => estate.remove())

const EXPECTED_OF_4 = {
  newest: 'second',
  pinned: 'first',
  tags: { a: 'b' },
  listed: 30,
  disabled: '403 Forbidden',
  deleted: 'many-1',
  recovered: 'v',
  signed: true,
  opened: 'what is signed',
  certificate: 'CN=four.test',
}

/** A folder with these packages of the npm registry. */
function install(name: string, packages: Readonly<Record<string, string>>) {
  const versions = Object.values(packages).join('-')
  return madeOnce(`${name}-${versions}`, async (folder) => {
    const manifest = { private: true, dependencies: packages }
    writeFileSync(path.join(folder, 'package.json'), JSON.stringify(manifest))
    const flags = ['--no-audit', '--no-fund', '--ignore-scripts', '--loglevel', 'error']
    return (await tryProgram('npm', ['install', ...flags], { cwd: folder })) !== undefined
  })
}

async function results(packages: string, script: string): Promise<unknown> {
  const program = path.join(import.meta.dirname, 'clients/older', script)
  const start = ['exec', '--', process.execPath, '--no-deprecation', program]
  const outcome = await estate.sluice(start, { env: { ...env, PACKAGES: packages } })
  expect(outcome).toMatchObject({ code: 0, stderr: '' })
  return JSON.parse(outcome.stdout)
}

test('azure-keyvault 3.0.5, unmodified, with tokens of the first generation', async (context) => {
  const packages = await install('npm-3', { 'azure-keyvault': '3.0.5' })
  if (!packages) return context.skip('azure-keyvault 3.0.5 cannot be installed with npm')
  expect(await results(packages, 'use-3.cjs')).toEqual({
    newest: 'second',
    pinned: 'first',
    tags: { a: 'b' },
    recoverableDays: null,
    listed: true,
    gone: '404 SecretNotFound',
    recovered: 'v',
    signed: true,
    verified: true,
    operation: 'completed',
    issuer: 'Self',
  })
})

test('@azure/keyvault-secrets and -keys 4.0.4, -certificates 4.1.0, unmodified', async (context) => {
  const packages = await install('npm-4', {
    '@azure/identity': '1.0.3',
    '@azure/keyvault-secrets': '4.0.4',
    '@azure/keyvault-keys': '4.0.4',
    '@azure/keyvault-certificates': '4.1.0',
  })
  if (!packages) return context.skip('@azure/keyvault-secrets 4.0.4 cannot be installed with npm')
  expect(await results(packages, 'use-4.cjs')).toEqual(EXPECTED_OF_4)
})

test('the same program on the newest @azure/keyvault-secrets, -keys and -certificates', async () => {
  const packages = path.resolve(import.meta.dirname, '..')
  expect(await results(packages, 'use-4.cjs')).toEqual(EXPECTED_OF_4)
})
