import { existsSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { allow, makeAccount, makeVault } from './content.ts'
import { Estate, runProgram } from './harness.ts'

const script = path.join(import.meta.dirname, 'clients/vault.py')
const PACKAGES = ['azure-identity==1.25.1', 'azure-keyvault-secrets==4.10.0']
const estate = new Estate()
let python: string | undefined

beforeAll(async () => {
  python = await findPython()
}, 180_000)

afterAll(() => estate.remove())

/** A Python that has the packages: a virtual environment that is made once for their versions. */
async function findPython(): Promise<string | undefined> {
  const words = PACKAGES.join('-').replaceAll(/[^0-9.]+/g, '-')
  const folder = path.join(os.tmpdir(), `sluice-python${words}-${os.userInfo().uid}`)
  const program = path.join(folder, 'bin/python')
  if (existsSync(path.join(folder, 'complete'))) return program
  rmSync(folder, { recursive: true, force: true })
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', folder]],
    [program, ['-m', 'pip', 'install', '--quiet', '--retries', '1', ...PACKAGES]],
    ['touch', [path.join(folder, 'complete')]],
  ]
  for (const [command, args] of steps) {
    const outcome = await runProgram(command, args).catch(() => undefined)
    if (outcome?.code !== 0) return undefined
  }
  return program
}

test('an unmodified Python program reaches https://NAME.vault.azure.net with no option changed', async (context) => {
  if (!python)
    return context.skip('python3 with azure-identity and azure-keyvault-secrets is absent')
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await makeVault(estate, 'kv-python')
  const account = await makeAccount(estate, 'python')
  await allow(estate, 'kv-python', account, 'all', 'purge')
  const env = {
    TENANT_ID: account.tenant,
    CLIENT_ID: account.appId,
    CLIENT_SECRET: account.password,
    VAULT_URL: 'https://kv-python.vault.azure.net',
  }
  const { stdout, stderr } = await estate.sluice(['exec', '--', python, script], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
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
}, 120_000)
