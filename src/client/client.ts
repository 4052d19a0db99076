import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Fault } from '../base/fault.ts'
import { isObject, type JsonObject, readObject, readString } from '../base/json.ts'
import type { Sealed } from '../base/sealed.ts'
import { toServiceError } from './service-error.ts'
import type { Transport, TransportReply } from './transport.ts'

/** Where the services are and who calls. */
export interface ClientSettings {
  readonly transport: Transport
  readonly tenantId: string
  readonly clientId: string
  readonly clientSecret: Sealed
  readonly subscriptionId: string
  readonly hosts: ClientHosts
}

/** Origins without a trailing slash; suffixes without a leading dot. */
export interface ClientHosts {
  readonly login: string
  readonly management: string
  readonly graph: string
  readonly devops: string
  readonly vaultSuffix: string
  readonly hsmSuffix: string
}

/** The real Azure names: a local server answers to them as well. */
export const azureHosts: ClientHosts = {
  login: 'https://login.microsoftonline.com',
  management: 'https://management.azure.com',
  graph: 'https://graph.microsoft.com',
  devops: 'https://dev.azure.com',
  vaultSuffix: 'vault.azure.net',
  hsmSuffix: 'managedhsm.azure.net',
}

/** Token resource of Azure DevOps. */
const DEVOPS_RESOURCE = '499b84ac-1321-427f-aa17-267ca6975798'

export interface Ask {
  readonly method?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Calls the public REST as one principal; one object serves one command. */
export class Client {
  readonly settings: ClientSettings
  readonly #tokens = new Map<string, Promise<string>>()

  constructor(settings: ClientSettings) {
    this.settings = settings
  }

  /** The resource manager; `path` begins with `/`. */
  arm(path: string, apiVersion: string, ask: Ask = {}): Promise<unknown> {
    const { management } = this.settings.hosts
    return this.#json(management, `${management}${withVersion(path, apiVersion)}`, ask)
  }

  /** Microsoft Graph; `path` begins with `/v1.0/`. */
  graph(path: string, ask: Ask = {}): Promise<unknown> {
    const { graph } = this.settings.hosts
    return this.#json(graph, `${graph}${path}`, ask)
  }

  /** A vault's data plane. A path that is a whole URL (a `nextLink`) is followed as it is. */
  vault(name: string, path: string, ask: Ask = {}): Promise<unknown> {
    const { vaultSuffix } = this.settings.hosts
    const url = path.startsWith('https://')
      ? path
      : `https://${name}.${vaultSuffix}${withVersion(path, '7.6')}`
    return this.#json(`https://${vaultSuffix}`, url, ask)
  }

  /** The data plane of a managed HSM. A path that is a whole URL (a `nextLink`) is followed as it is. */
  hsm(name: string, path: string, ask: Ask = {}): Promise<unknown> {
    const { hsmSuffix } = this.settings.hosts
    const url = path.startsWith('https://')
      ? path
      : `https://${name}.${hsmSuffix}${withVersion(path, '7.6')}`
    return this.#json(`https://${hsmSuffix}`, url, ask)
  }

  /** Azure DevOps; `path` begins with `/` and the organisation. */
  devops(path: string, apiVersion: string, ask: Ask = {}): Promise<unknown> {
    const { devops } = this.settings.hosts
    return this.#json(DEVOPS_RESOURCE, `${devops}${withVersion(path, apiVersion)}`, ask)
  }

  /** A DevOps answer as a stream: a log, or an artifact's zip. */
  async devopsStream(path: string, apiVersion: string, accept: string): Promise<Readable> {
    const url = `${this.settings.hosts.devops}${withVersion(path, apiVersion)}`
    const reply = await this.#send(DEVOPS_RESOURCE, url, { headers: { accept } })
    if (reply.status >= 400) throw toServiceError(reply.status, await readJsonReply(reply))
    return reply.body
  }

  /** Any URL of a service with a token for `resource`. */
  request(resource: string, url: string, ask: Ask = {}): Promise<unknown> {
    return this.#json(resource, url, ask)
  }

  /** All items of a paged list, following `nextLink`. */
  async list(first: (path?: string) => Promise<unknown>): Promise<JsonObject[]> {
    const items: JsonObject[] = []
    let page = readObject(await first(), 'The page')
    for (;;) {
      if (Array.isArray(page['value'])) items.push(...page['value'].filter(isObject))
      const next = page['nextLink']
      if (typeof next !== 'string' || next === '') return items
      page = readObject(await first(next), 'The page')
    }
  }

  /** The caller's own object id and application id, as the token says. */
  async whoAmI(): Promise<{ objectId: string; appId: string; tenantId: string }> {
    const token = await this.token(this.settings.hosts.management)
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return {
      objectId: readString(claims['oid'], 'oid'),
      appId: readString(claims['appid'], 'appid'),
      tenantId: readString(claims['tid'], 'tid'),
    }
  }

  async #json(resource: string, url: string, ask: Ask): Promise<unknown> {
    const reply = await this.#send(resource, url, ask)
    const body = await readJsonReply(reply)
    if (reply.status >= 400) throw toServiceError(reply.status, body)
    return body
  }

  async #send(resource: string, url: string, ask: Ask): Promise<TransportReply> {
    const headers: Record<string, string> = {
      authorization: `Bearer ${await this.token(resource)}`,
      accept: 'application/json',
      'user-agent': 'sluice-cli',
      ...ask.headers,
    }
    const method = ask.method ?? 'GET'
    if (ask.body === undefined) {
      return this.settings.transport({
        method,
        url,
        headers: method === 'GET' ? headers : { ...headers, 'content-length': '0' },
      })
    }
    headers['content-type'] ??= 'application/json'
    return this.settings.transport({ method, url, headers, body: JSON.stringify(ask.body) })
  }

  /** A bearer token for a resource such as `https://vault.azure.net`, asked for once. */
  token(resource: string): Promise<string> {
    let token = this.#tokens.get(resource)
    if (!token) {
      token = this.#requestToken(resource)
      this.#tokens.set(resource, token)
    }
    return token
  }

  async #requestToken(resource: string): Promise<string> {
    const { transport, hosts, tenantId, clientId, clientSecret } = this.settings
    const reply = await transport({
      method: 'POST',
      url: `${hosts.login}/${tenantId}/oauth2/v2.0/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: clientSecret.open(),
        scope: `${resource}/.default`,
      }).toString(),
    })
    const body = await readJsonReply(reply)
    if (reply.status >= 400) throw toServiceError(reply.status, body)
    return readString(readObject(body, 'The token')['access_token'], 'access_token')
  }
}

function withVersion(path: string, apiVersion: string): string {
  return `${path}${path.includes('?') ? '&' : '?'}api-version=${apiVersion}`
}

async function readJsonReply(reply: TransportReply): Promise<unknown> {
  const bytes = await buffer(reply.body)
  if (bytes.length === 0) return undefined
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    if (reply.status >= 400) return undefined
    throw new Fault(
      'ReplyWrong',
      `The service answered HTTP ${reply.status} with something that is not JSON.`,
    )
  }
}
