import path from 'node:path'
import { allow, makeAccount, makeVault } from './content.ts'
import { type Estate, runProgram } from './harness.ts'

/**
 * A vault `name` and what an application needs to know of it: its own account, which may do
 * everything; a second one, which may use keys and not read them, so that all it does happens in
 * the vault; and a PFX file to import, password `pw`, subject `CN=brought.test`.
 */
export async function makeApplication(
  estate: Estate,
  name: string,
): Promise<Record<string, string>> {
  await estate.up()
  await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  await makeVault(estate, name, '--sku', 'premium')
  const account = await makeAccount(estate, 'application')
  const blind = await makeAccount(estate, 'blind')
  await allow(estate, name, account, 'all', 'purge')
  const policy = ['keyvault', 'set-policy', '-n', name, '--spn']
  for (const kind of ['key', 'certificate']) {
    await estate.json([...policy, account.appId, `--${kind}-permissions`, 'all', 'purge'])
  }
  const uses = ['sign', 'verify', 'encrypt', 'decrypt', 'wrapKey', 'unwrapKey']
  await estate.json([...policy, blind.appId, '--key-permissions', ...uses])
  return {
    TENANT_ID: account.tenant,
    CLIENT_ID: account.appId,
    CLIENT_SECRET: account.password,
    BLIND_ID: blind.appId,
    BLIND_SECRET: blind.password,
    VAULT_URL: `https://${name}.vault.azure.net`,
    PFX: await makePfx(estate),
  }
}

async function makePfx(estate: Estate): Promise<string> {
  const [key, cer, pfx] = ['b.key', 'b.cer', 'b.pfx'].map((file) => path.join(estate.home, file))
  const place = ['-keyout', `${key}`, '-out', `${cer}`, '-subj', '/CN=brought.test']
  const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...place]
  const pack = ['pkcs12', '-export', '-inkey', `${key}`, '-in', `${cer}`, '-out', `${pfx}`]
  for (const args of [self, [...pack, '-passout', 'pass:pw']]) {
    const { code, stderr } = await runProgram('openssl', args)
    if (code !== 0) throw new Error(stderr)
  }
  return `${pfx}`
}
