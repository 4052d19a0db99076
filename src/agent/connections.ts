import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'
import type { JobEndpoint } from '../protocol/index.ts'
import type { Connection } from '../tasks/index.ts'
import type { Masker } from './output/index.ts'

/** Parameters that are no secrets (facts/integration.md §4.2 item 3); all others are masked. */
const PUBLIC_PARAMETERS = new Set(
  [
    'role',
    'scope',
    'tenantId',
    'issuedAt',
    'expiresAt',
    'audience',
    'authenticationType',
    'authorizationType',
    'accessTokenType',
    'accessTokenFetchingMethod',
    'useWindowsSecurity',
    'unsecured',
    'oauthAccessTokenIsSupplied',
    'completeCallbackPayload',
    'acceptUntrustedCerts',
  ].map((name) => name.toLowerCase()),
)

const SYSTEM = 'systemvssconnection'

/** The service connections of one job; `task.setendpoint` may change them for later steps. */
export class Connections {
  readonly #byId = new Map<string, Connection>()
  readonly #masker: Masker

  /** Registers every secret parameter with the masker, before any step can print one. */
  constructor(endpoints: readonly JobEndpoint[], masker: Masker) {
    this.#masker = masker
    for (const { id, name, url, scheme, parameters, data } of endpoints) {
      this.#byId.set(id.toLowerCase(), { id, name, url, scheme, parameters, data })
      for (const [key, value] of Object.entries(parameters)) this.#hide(key, value)
    }
  }

  /** By id or by name, without case. @throws Fault `EndpointMissing` */
  get(idOrName: string): Connection {
    const key = idOrName.toLowerCase()
    const named = () => [...this.#byId.values()].find(({ name }) => name.toLowerCase() === key)
    const found = this.#byId.get(key) ?? named()
    if (!found) {
      throw new Fault(
        'EndpointMissing',
        `The job has no service connection '${idOrName}'. It does not exist, or the pipeline has not been authorized to use it.`,
      )
    }
    return found
  }

  /** @throws Fault `EndpointMissing`, or `EndpointFixed` for the connection to the server itself */
  change(
    id: string,
    field: 'url' | 'authParameter' | 'dataParameter',
    key: string,
    value: string,
  ): void {
    const former = this.get(id)
    if (former.name.toLowerCase() === SYSTEM) {
      throw new Fault('EndpointFixed', 'The connection to the server cannot be changed by a step.')
    }
    const changed = {
      url: () => ({ ...former, url: value }),
      authParameter: () => ({
        ...former,
        parameters: { ...former.parameters, [key]: this.#hide(key, new Sealed(value)) },
      }),
      dataParameter: () => ({ ...former, data: { ...former.data, [key]: value } }),
    }[field]()
    this.#byId.set(former.id.toLowerCase(), changed)
  }

  #hide(key: string, value: Sealed): Sealed {
    if (!PUBLIC_PARAMETERS.has(key.toLowerCase())) this.#masker.add(value, 'raw')
    return value
  }
}
