import path from 'node:path'
import type { Estate } from './harness.ts'

const client = path.join(import.meta.dirname, 'clients/requests.mjs')

export interface Request {
  readonly url: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly form?: Readonly<Record<string, string>>
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  // biome-ignore lint/suspicious/noExplicitAny: replies of any service
  readonly body: any
}

/** Sends requests from another process through `sluice exec`, 64 at a time; replies keep the order. */
export async function send(estate: Estate, requests: readonly Request[]): Promise<Reply[]> {
  const { stdout, stderr } = await estate.sluice(['exec', '--', process.execPath, client], {
    stdin: JSON.stringify(requests),
  })
  if (stderr !== '') throw new Error(stderr)
  return JSON.parse(stdout) as Reply[]
}

/** One request. */
export async function sendOne(estate: Estate, request: Request): Promise<Reply> {
  const [reply] = await send(estate, [request])
  if (!reply) throw new Error('no reply')
  return reply
}

export interface Account {
  readonly tenant: string
  readonly appId: string
  readonly password: string
}

/** A service principal with a secret. */
export async function makeAccount(estate: Estate, name: string): Promise<Account> {
  return (await estate.json(['ad', 'sp', 'create-for-rbac', '-n', name])) as unknown as Account
}

/** A request for a token by client secret. */
export function tokenRequest(account: Account, resource = 'https://vault.azure.net'): Request {
  return {
    url: `https://login.microsoftonline.com/${account.tenant}/oauth2/v2.0/token`,
    method: 'POST',
    form: {
      grant_type: 'client_credentials',
      client_id: account.appId,
      client_secret: account.password,
      scope: `${resource}/.default`,
    },
  }
}

/** Tokens for accounts, in their order. */
export async function tokensOf(
  estate: Estate,
  accounts: readonly Account[],
  resource?: string,
): Promise<string[]> {
  const replies = await send(
    estate,
    accounts.map((account) => tokenRequest(account, resource)),
  )
  return replies.map(({ body }) => String(body.access_token))
}

/** A vault in group `g`, with access policies unless told. */
export async function makeVault(estate: Estate, name: string, ...flags: string[]): Promise<string> {
  const model = flags.includes('--enable-rbac-authorization')
    ? []
    : ['--enable-rbac-authorization', 'false']
  const made = await estate.json(['keyvault', 'create', '-n', name, '-g', 'g', ...model, ...flags])
  return String(made['id'])
}

/** Gives an account permissions on the secrets of a vault. */
export async function allow(
  estate: Estate,
  vault: string,
  { appId }: Account,
  ...permissions: string[]
): Promise<void> {
  const policy = ['keyvault', 'set-policy', '-n', vault, '--spn', appId, '--secret-permissions']
  await estate.json([...policy, ...permissions])
}

/** A service connection that signs in as the account. */
export async function connect(estate: Estate, name: string, account: Account): Promise<void> {
  const endpoint = ['devops', 'service-endpoint', 'azurerm', 'create', '--name', name]
  await estate.json([...endpoint, '--azure-rm-service-principal-id', account.appId], {
    stdin: account.password,
  })
}
