import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeAccount } from './content.ts'
import { Estate } from './harness.ts'

const estate = new Estate()
let vaultId = ''
let appId = ''

beforeAll(async () => {
  const args = ['--port', '0', '--proxy-port', '0', '--detach', '--propagation-delay', '3600']
  await estate.json(['up', '--realistic', ...args])
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  const vault = await estate.json(['keyvault', 'create', '-n', 'kv-slow', '-g', 'g'])
  vaultId = String(vault['id'])
  appId = (await makeAccount(estate, 'slow')).appId
}, 60_000)

afterAll(() => estate.remove())

test('status says that the server is realistic', async () => {
  expect(await estate.json(['status'])).toMatchObject({
    realistic: 'throttling, roles after 3600 s, access policies after 3600 s',
  })
})

test('a role that has to wait says so beside its answer, whose shape stays', async () => {
  const role = 'Key Vault Secrets User'
  const made = await estate.sluice([
    'role',
    'assignment',
    'create',
    '--role',
    role,
    '--assignee',
    appId,
    '--scope',
    vaultId,
  ])
  expect(made.stderr).toMatch(
    new RegExp(`^Effective in (60 min|59 min \\d+ s): ${role} for ${appId} at ${vaultId}\\.\n$`),
  )
  expect(JSON.parse(made.stdout)).not.toHaveProperty('effective')
  const listed = await estate.sluice(['role', 'assignment', 'list', '--scope', vaultId])
  expect(listed.stderr).toMatch(/^Effective in [^:]+: Key Vault Secrets User for /)
})

test('a delay that is too long, or no number, is refused', async () => {
  const other = new Estate()
  const args = (delay: string) => ['up', '--propagation-delay', delay]
  expect((await other.sluice(args('86401'))).stderr).toContain('at most 86400 seconds')
  expect((await other.sluice(args('soon'))).stderr).toContain('takes a whole number')
  await other.remove()
})
