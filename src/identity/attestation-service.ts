import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import { newGuid } from '../base/ids.ts'
import { isObject, type JsonObject, parseJson, readObject, readString } from '../base/json.ts'
import { operation } from '../http/operation.ts'
import { findBearer, type TokenVerifier } from '../http/principal.ts'
import { json, type Reply } from '../http/reply.ts'
import type { Service } from '../http/service.ts'
import type { SigningKeys } from './signing-keys.ts'

/** What the service's operations work on. */
export interface AttestationContext {
  readonly keys: SigningKeys
  readonly clock: Clock
}

const TOKEN_LIFETIME_S = 8 * 3600
const BODY_LIMIT_BYTES = 256 * 1024
const AUDIENCE = 'https://attest.azure.net'
/** What the service itself says; nobody else says it. */
const OWN_CLAIMS = ['iss', 'iat', 'nbf', 'exp', 'jti', 'x-ms-ver', 'x-ms-attestation-type']
/** In every token: it attests nothing real. */
const ATTESTATION_TYPE = 'sluice-test'

const attestationOperation = operation<AttestationContext>()

const operations = [
  attestationOperation(
    'AttestationDiscovery',
    { method: 'GET', path: '/.well-known/openid-configuration' },
    ({ origin }) => json(200, toConfiguration(origin)),
  ),
  attestationOperation(
    'AttestationCertificates',
    { method: 'GET', path: '/certs' },
    async (_call, { keys }) => json(200, { keys: await keys.listJwks() }),
  ),
  attestationOperation(
    'AttestSluiceTest',
    { method: 'POST', path: '/attest/SluiceTest', permission: 'attest' },
    async (call, { keys, clock }) => {
      const body = readObject((await call.readJson(BODY_LIMIT_BYTES)) ?? {}, 'The body')
      const nowS = Math.floor(clock.nowMs() / 1000)
      const claims = {
        ...readClaims(body),
        iss: call.origin,
        iat: nowS,
        nbf: nowS,
        exp: nowS + TOKEN_LIFETIME_S,
        jti: newGuid(),
        'x-ms-ver': '1.0',
        'x-ms-attestation-type': ATTESTATION_TYPE,
      }
      return json(200, { token: await keys.signJwt(claims) })
    },
  ),
]

function toConfiguration(origin: string): object {
  return {
    issuer: origin,
    jwks_uri: `${origin}/certs`,
    response_types_supported: ['token'],
    id_token_signing_alg_values_supported: ['RS256'],
    claims_supported: [...OWN_CLAIMS, 'x-ms-runtime'],
  }
}

/** `claims`, and `runtimeData` as attestation services take it: it becomes `x-ms-runtime`. */
function readClaims(body: JsonObject): JsonObject {
  const claims = body['claims'] === undefined ? {} : readObject(body['claims'], 'claims')
  const own = OWN_CLAIMS.find((name) => Object.hasOwn(claims, name))
  if (own !== undefined) {
    throw new Fault('AttestationWrong', `The claim ${own} is the service's own and is not given.`)
  }
  const given = body['runtimeData']
  if (!isObject(given)) return claims
  const text = Buffer.from(readString(given['data'], 'runtimeData.data'), 'base64url')
  const runtime = parseJson(text.toString('utf8'), 'runtimeData.data')
  return { ...claims, 'x-ms-runtime': readObject(runtime, 'runtimeData.data') }
}

/**
 * The attestation service for tests: it signs whatever claims an authenticated principal gives, and
 * says so in each token. Only release policies that name it believe it.
 */
export function createAttestationService(
  context: AttestationContext & { readonly verifier: TokenVerifier },
): Service<AttestationContext> {
  return {
    name: 'attestation',
    operations,
    open: async (call, asked) => {
      if (asked.permission) await authenticate(call.headers.authorization, call.origin, context)
      return context
    },
    toReply,
    notFound: () => refuse(404, 'NotFound', 'The attestation service for tests has no such path.'),
    headers: (call) => ({ 'cache-control': 'no-store', 'x-ms-request-id': call.requestId }),
  }
}

async function authenticate(
  authorization: string | undefined,
  origin: string,
  { verifier }: { readonly verifier: TokenVerifier },
): Promise<void> {
  const token = findBearer(authorization)
  const found = token === undefined ? undefined : await verifier.verify(token)
  const audience = found?.audience.replace(/\/+$/, '').toLowerCase()
  if (audience === AUDIENCE || audience === origin) return
  throw new Fault('AttestationTokenWrong', `Send a bearer token for ${AUDIENCE}.`)
}

function toReply(thrown: unknown): Reply {
  if (!(thrown instanceof Fault)) {
    return refuse(500, 'InternalServerError', 'The attestation service met a defect of its own.')
  }
  const isToken = /^(Token|Issuer|AttestationToken)/.test(thrown.code)
  if (isToken) return refuse(401, 'Unauthorized', thrown.message)
  return refuse(400, 'InvalidParameter', thrown.message)
}

function refuse(status: number, code: string, message: string): Reply {
  return json(status, { error: { code, message } })
}

/**
 * What the service publishes at an address of its own, for those in this process that would ask it
 * by https; undefined for another path.
 */
export async function readPublished(
  { keys }: Pick<AttestationContext, 'keys'>,
  url: URL,
): Promise<unknown> {
  if (url.pathname === '/.well-known/openid-configuration') return toConfiguration(url.origin)
  return url.pathname === '/certs' ? { keys: await keys.listJwks() } : undefined
}
