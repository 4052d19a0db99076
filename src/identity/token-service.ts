import type { Call } from '../http/call.ts'
import { json } from '../http/reply.ts'
import type { Service } from '../http/service.ts'
import type { TokenContext } from './context.ts'
import { discoveryOperations } from './discovery-operations.ts'
import { oauthFault, oauthReply } from './oauth-faults.ts'
import { tokenOperations } from './token-operations.ts'

/** The token service: `login.microsoftonline.com` and its local name. */
export function createTokenService(context: TokenContext): Service<TokenContext> {
  return {
    name: 'login',
    operations: [...discoveryOperations, ...tokenOperations],
    // An older client of AD FS adds the version.
    rewrite: (method, path) => ({
      method,
      path: path.replace(/^\/adfs\/oauth2\/v2\.0\//i, '/adfs/oauth2/'),
    }),
    open: () => context,
    toReply: oauthReply,
    notFound: (call) =>
      call.method === 'POST'
        ? oauthReply(
            oauthFault('RequestMalformed', 'Invalid request. This endpoint is not served.'),
            call,
          )
        : json(404, { error: 'not_found', error_description: 'This endpoint is not served.' }),
    headers,
  }
}

function headers(call: Call): Record<string, string> {
  const asked = call.headers['client-request-id']
  return {
    'cache-control': 'no-store, no-cache',
    pragma: 'no-cache',
    'x-content-type-options': 'nosniff',
    'x-ms-request-id': call.requestId,
    'x-ms-ests-server': '2.1.0 - SLUICE ProdSlices',
    ...(call.headers['return-client-request-id'] === 'true' &&
      typeof asked === 'string' &&
      /^[0-9a-f-]{36}$/i.test(asked) && { 'client-request-id': asked }),
  }
}
