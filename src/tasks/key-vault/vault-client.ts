import { isObject, type JsonObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import type { HttpReply } from '../contract.ts'
import type { AccessToken } from './access-token.ts'
import { type Request, type Sender, send, sendInRounds } from './requests.ts'

const API_VERSION = 'api-version=2016-10-01'
const PAGE = 25

/** Why the vault gave nothing: its status, its words, its inner code. */
export class VaultRefusal extends Error {
  readonly status: number
  readonly innerCode: string

  constructor(status: number, message: string, innerCode: string) {
    super(message)
    this.status = status
    this.innerCode = innerCode
  }
}

/** A secret in a listing. */
export interface ListedSecret {
  readonly name: string
  readonly isEnabled: boolean
  /** Undefined when it never expires. */
  readonly expiresAtMs: number | undefined
}

/** Reads secrets of one vault over its REST, as the vendor's task does. */
export class VaultClient {
  readonly #sender: Sender
  readonly #token: AccessToken
  readonly #url: string
  readonly #write: (line: string) => void

  constructor(options: {
    readonly sender: Sender
    readonly token: AccessToken
    readonly vaultUrl: string
    write(line: string): void
  }) {
    this.#sender = options.sender
    this.#token = options.token
    this.#url = options.vaultUrl
    this.#write = (line) => options.write(line)
  }

  get listUrl(): string {
    return `${this.#url}/secrets?maxresults=${PAGE}&${API_VERSION}`
  }

  /** Every secret of the vault. @throws VaultRefusal, Fault `TokenRefused`, Error of the network */
  async list(): Promise<readonly ListedSecret[]> {
    const secrets: ListedSecret[] = []
    let url = this.listUrl
    while (url !== '') {
      const reply = await this.#get(url, url === this.listUrl ? sendInRounds : send)
      const page = readJson(reply.body.open()) ?? {}
      for (const item of Array.isArray(page['value']) ? page['value'] : []) {
        if (isObject(item)) secrets.push(toListedSecret(item))
      }
      // The link is the vault's own and is followed as it is.
      url = typeof page['nextLink'] === 'string' ? page['nextLink'] : ''
    }
    return secrets
  }

  /**
   * The value of `name` or `name/version`, or undefined when the reply has none.
   *
   * @throws VaultRefusal, Fault `TokenRefused`, Error of the network
   */
  async read(name: string): Promise<Sealed | undefined> {
    const url = `${this.#url}/secrets/${encodeURIComponent(name.toWellFormed())}?${API_VERSION}`
    const reply = await this.#get(url, sendInRounds)
    const value = readJson(reply.body.open())?.['value']
    return typeof value === 'string' ? new Sealed(value) : undefined
  }

  async #get(url: string, sendIt: typeof send): Promise<HttpReply> {
    const token = await this.#token.get()
    let reply = await sendIt(this.#sender, toRequest(url, token))
    if (reply.status === 401) {
      const renewed = await this.#renew(reply, token)
      if (renewed) reply = await sendIt(this.#sender, toRequest(url, renewed))
    }
    if (reply.status === 200) return reply
    const { message, code, innerCode, isJson } = readError(reply)
    if (isJson) this.#sender.error('', code)
    throw new VaultRefusal(reply.status, message, innerCode)
  }

  /** A token for the resource that the challenge names; undefined when it names none. */
  async #renew(reply: HttpReply, token: Sealed): Promise<Sealed | undefined> {
    const resource = challengedResource(reply.headers['www-authenticate'] ?? '')
    if (resource) {
      this.#write(`Retrying with vault resource Id reterieved from response : ${resource}`)
      return await this.#token.replace(token, resource)
    }
    const isExpired = readError(reply).code === 'ExpiredAuthenticationToken'
    return isExpired ? await this.#token.replace(token) : undefined
  }
}

function toRequest(url: string, token: Sealed): Request {
  return {
    method: 'GET',
    url,
    headers: { Accept: 'application/json', Authorization: `Bearer ${token.open()}` },
  }
}

/** `Bearer authorization="…", resource="https://…"`, taken apart at `,` and `=` only. */
function challengedResource(challenge: string): string | undefined {
  if (!/^Bearer /i.test(challenge)) return undefined
  for (const part of challenge.slice('Bearer '.length).split(',')) {
    const [key = '', value = ''] = part.split('=')
    if (key.trim().toLowerCase() === 'resource') return value.trim().replaceAll('"', '')
  }
  return undefined
}

function toListedSecret(item: JsonObject): ListedSecret {
  const id = typeof item['id'] === 'string' ? item['id'] : ''
  const attributes = isObject(item['attributes']) ? item['attributes'] : {}
  const { enabled, exp } = attributes
  return {
    name: id.slice(id.lastIndexOf('/') + 1),
    isEnabled: Boolean(enabled),
    expiresAtMs: typeof exp === 'number' ? exp * 1_000 : undefined,
  }
}

function readError(reply: HttpReply) {
  const text = reply.body.open()
  const json = readJson(text)
  const error = isObject(json?.['error']) ? json['error'] : {}
  const inner = isObject(error['innererror']) ? error['innererror'] : {}
  const word = (value: unknown): string => (typeof value === 'string' ? value : '')
  return {
    message: word(error['message']) || text,
    code: word(error['code']),
    innerCode: word(inner['code']),
    isJson: json !== undefined,
  }
}

function readJson(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}
