import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { type Arrival, createHandler, type Handler, type Service } from '../http/service.ts'
import type { FoundService, Service as ServiceName } from '../network/index.ts'

// biome-ignore lint/suspicious/noExplicitAny: each service has a context of its own, which only it looks into.
export type AnyService = Service<any>

export type Dispatch = (
  request: IncomingMessage,
  response: ServerResponse,
  found: FoundService,
) => void

/** A service, or how to get it when its first request comes. */
export type GivenService = AnyService | (() => Promise<AnyService>)

type OnBug = (
  error: unknown,
  place: { readonly service: string; readonly requestId: string },
) => void

/** Sends each request to the service its host stands for; the front answers for those not given. */
export function dispatch(
  services: Readonly<Partial<Record<ServiceName, GivenService>>> & { readonly front: AnyService },
  clock: Clock,
  onBug: OnBug,
): Dispatch {
  const handlers = new Map<string, Handler>()
  for (const [name, service] of Object.entries(services)) {
    const handler =
      typeof service === 'function'
        ? handleLater(async () => handle(await service(), clock, onBug), onBug)
        : handle(service, clock, onBug)
    handlers.set(name, handler)
  }
  const arrivals = new WeakMap<FoundService, Arrival>()
  return (request, response, found) => {
    const handler = handlers.get(found.service) ?? handlers.get('front')
    let at = arrivals.get(found)
    if (at === undefined) {
      at = toArrival(found)
      arrivals.set(found, at)
    }
    handler?.(request, response, at)
  }
}

function handle(service: AnyService, clock: Clock, onBug: OnBug): Handler {
  return createHandler(service, clock, (error, { requestId }) =>
    onBug(error, { service: service.name, requestId }),
  )
}

/** Requests wait for the service; one that cannot be had is a defect, and answers 500. */
function handleLater(load: () => Promise<Handler>, onBug: OnBug): Handler {
  let loading: Promise<Handler> | undefined
  return (request, response, at) => {
    // What failed once (the data was busy) may be had by the next request.
    loading ??= load().catch((error: unknown) => {
      loading = undefined
      throw error
    })
    loading.then(
      (handler) => handler(request, response, at),
      (error: unknown) => {
        onBug(error, { service: at.host, requestId: '' })
        response.writeHead(500).end()
      },
    )
  }
}

/** Port 443 is not written in a host. */
function toArrival({ host, suffix, label, port }: FoundService): Arrival {
  const behind = port === 443 ? '' : `:${port}`
  return { host: host + behind, label, suffix: suffix + behind }
}
