import type { Clock } from '../base/clock.ts'
import { Fault } from '../base/fault.ts'
import type { Call } from '../http/call.ts'
import { findBearer, type Principal, type TokenVerifier } from '../http/principal.ts'
import type { Service } from '../http/service.ts'
import { applicationOperations, federatedOperations } from './graph-applications.ts'
import type { GraphContext } from './graph-context.ts'
import { graphReply } from './graph-faults.ts'
import {
  groupOperations,
  objectOperations,
  servicePrincipalOperations,
} from './graph-principals.ts'
import type { DirectoryStore } from './store.ts'

/** Who may change the directory. Reading is allowed to every principal of it. */
export interface GraphAuthorizer {
  mayWrite(caller: Principal): boolean
}

const AUDIENCES = [
  'https://graph.microsoft.com',
  'https://graph.windows.net',
  '00000003-0000-0000-c000-000000000000',
]

/** The directory's REST: `graph.microsoft.com` and its local name. */
export function createGraphService(parts: {
  readonly store: DirectoryStore
  readonly clock: Clock
  readonly verifier: TokenVerifier
  readonly authorizer: GraphAuthorizer
}): Service<GraphContext> {
  const { store, clock, verifier, authorizer } = parts
  return {
    name: 'graph',
    operations: [
      ...servicePrincipalOperations,
      ...applicationOperations,
      ...federatedOperations,
      ...objectOperations,
      ...groupOperations,
    ],
    rewrite: (method, path) => ({ method, path: correctPath(path) }),
    open: async (call, operation) => {
      const caller = await authenticate(call, verifier)
      if (operation.permission && !authorizer.mayWrite(caller)) {
        throw new Fault('GraphDenied', 'Insufficient privileges to complete the operation.')
      }
      return { store, clock, caller }
    },
    toReply: graphReply,
    notFound: async (call) => {
      await authenticate(call, verifier)
      const segment = call.path.split('/')[1] ?? ''
      throw new Fault('GraphPathWrong', `Resource not found for the segment '${segment}'.`)
    },
    headers: (call) => ({
      'request-id': call.requestId,
      'client-request-id': String(call.headers['client-request-id'] ?? call.requestId),
      'odata-version': '4.0',
      'cache-control': 'no-cache',
    }),
  }
}

/** Takes the version off and turns `applications(appId='x')` into `applications/appId=x`. */
function correctPath(path: string): string {
  return path
    .replace(/^\/+(?:v1\.0|beta)(?=\/|$)/i, '')
    .replace(/\((?:(appId)=)?(?:'|%27)([^'()/%]+)(?:'|%27)\)/gi, (_all, key, value) =>
      key ? `/appId=${value}` : `/${value}`,
    )
}

async function authenticate(call: Call, verifier: TokenVerifier): Promise<Principal> {
  const token = findBearer(call.headers.authorization)
  if (token === undefined) throw tokenWrong('Access token is empty.')
  let caller: Principal
  try {
    caller = await verifier.verify(token)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    const isExpired = error.code === 'TokenExpired'
    throw tokenWrong(
      isExpired ? 'Lifetime validation failed, the token is expired.' : error.message,
    )
  }
  const audience = caller.audience.replace(/\/+$/, '').toLowerCase()
  if (AUDIENCES.includes(audience) || audience === call.origin) return caller
  throw tokenWrong('Access token validation failure. Invalid audience.')
}

function tokenWrong(message: string): Fault<'GraphTokenWrong'> {
  return new Fault('GraphTokenWrong', message)
}
