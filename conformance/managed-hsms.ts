import { globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { type Account, makeAccount, sendOne, tokensOf } from './content.ts'
import { type Estate, runProgram } from './harness.ts'

/** Managed HSMs that nobody activated, and the account that is their administrator. */
export interface Hsms {
  readonly account: Account
  readonly objectId: string
}

/** Makes managed HSMs of these names by the resource manager; the server runs. */
export async function makeHsms(estate: Estate, names: readonly string[]): Promise<Hsms> {
  const group = await estate.json(['group', 'create', '-n', 'g', '-l', 'westeurope'])
  const account = await makeAccount(estate, 'administrator')
  const subscription = String(group['id']).split('/').slice(0, 3).join('/')
  const role = ['role', 'assignment', 'create', '--role', 'Contributor']
  await estate.json([...role, '--assignee', account.appId, '--scope', subscription])
  const [token = ''] = await tokensOf(estate, [account], 'https://management.azure.com')
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  for (const name of names) {
    const { status, body } = await sendOne(estate, {
      url: `https://management.azure.com${hsmPath(group['id'], name)}`,
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: {
        location: 'westeurope',
        sku: { family: 'B', name: 'Standard_B1' },
        properties: {
          tenantId: account.tenant,
          initialAdminObjectIds: [claims.oid],
          softDeleteRetentionInDays: 7,
          enablePurgeProtection: false,
        },
      },
    })
    if (status !== 200) throw new Error(`${name}: ${status} ${JSON.stringify(body)}`)
  }
  return { account, objectId: claims.oid }
}

function hsmPath(group: unknown, name: string): string {
  return `${group}/providers/Microsoft.KeyVault/managedHSMs/${name}?api-version=2024-11-01`
}

/** Downloads the security domain of a managed HSM, as an account that administers it; nobody keeps it. */
export async function activateHsm(estate: Estate, name: string, account: Account): Promise<void> {
  const folder = await makeHolders(estate)
  const [token = ''] = await tokensOf(estate, [account], 'https://managedhsm.azure.net')
  const { status, body } = await sendOne(estate, {
    url: `https://${name}.managedhsm.azure.net/securitydomain/download?api-version=7.6`,
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: { certificates: ['a', 'b', 'c'].map((holder) => jwkOf(folder, holder)), required: 2 },
  })
  if (status !== 202) throw new Error(`${name}: ${status} ${JSON.stringify(body)}`)
}

/** The certificate of a holder as a JSON Web Key. */
export function jwkOf(folder: string, holder: string): object {
  const pem = readFileSync(path.join(folder, `${holder}.cer`), 'utf8')
  return { kty: 'RSA', x5c: [pem.replaceAll(/-----[A-Z ]+-----|\s/g, '')] }
}

/** Makes `a`, `b` and `c`, each a `.cer` and the `.pem` of its private key, and gives their folder. */
export async function makeHolders(estate: Estate): Promise<string> {
  const folder = estate.folder('holders', { '.keep': '' })
  for (const name of ['a', 'b', 'c']) {
    const place = ['-keyout', `${name}.pem`, '-out', `${name}.cer`, '-subj', `/CN=${name}`]
    const self = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', ...place]
    const { code, stderr } = await runProgram('openssl', self, { cwd: folder })
    if (code !== 0) throw new Error(stderr)
  }
  return folder
}

/** The files below a data directory that hold one of the texts. */
export function filesThatHold(data: string, texts: readonly string[]): string[] {
  return globSync('**', { cwd: data }).filter((file) => {
    const whole = path.join(data, file)
    if (!statSync(whole).isFile()) return false
    const bytes = readFileSync(whole)
    return texts.some((text) => bytes.includes(text))
  })
}
