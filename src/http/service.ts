import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { type Arrival, ArrivedCall, type Asked } from './arrived-call.ts'
import { type Call, isSenderGone } from './call.ts'
import type { Operation } from './operation.ts'
import type { Reply, ReplyHeaders } from './reply.ts'
import { createRouter } from './router.ts'
import { send } from './send.ts'

export type { Arrival } from './arrived-call.ts'

/** One of the services behind the listener: a host, its operations and its dialect of errors. */
export interface Service<Context> {
  readonly name: string
  readonly operations: readonly Operation<Context>[]
  /** Corrects method or path before routing; query not included in `path`. */
  rewrite?(method: string, path: string, call: IncomingMessage): { method: string; path: string }
  /** Authenticates, authorises and gives the handler what it works on. Faults are answered. */
  open(call: Call, operation: Operation<Context>): Promise<Context> | Context
  /** Spells anything thrown for the wire; also called for bugs, which must not show their text. */
  toReply(thrown: unknown, call: Call): Reply
  /** No operation has this path. */
  notFound(call: Call): Promise<Reply> | Reply
  /** Headers of every answer. */
  headers(call: Call): ReplyHeaders
  /** Told of every answer before it is sent, for audit; it must not throw. */
  answered?(call: Call, operation: Operation<Context> | undefined, reply: Reply): void
}

export type Handler = (request: IncomingMessage, response: ServerResponse, at: Arrival) => void

/** Makes a service answer requests. `onBug` gets what no fault explains, for the log. */
export function createHandler<Context>(
  service: Service<Context>,
  clock: Clock,
  onBug: (error: unknown, call: Call) => void,
): Handler {
  const findRoute = createRouter(service.operations)
  const answer = async (
    request: IncomingMessage,
    response: ServerResponse,
    call: ArrivedCall,
  ): Promise<void> => {
    const route = findRoute(call.method, call.path)
    let reply: Reply
    try {
      if (route) {
        call.params = route.params
        const context = service.open(call, route.operation)
        reply = await route.operation.handle(
          call,
          context instanceof Promise ? await context : context,
        )
      } else {
        reply = await service.notFound(call)
      }
    } catch (thrown) {
      reply = service.toReply(thrown, call)
      if (reply.status >= 500 && !isSenderGone(thrown)) onBug(thrown, call)
    }
    service.answered?.(call, route?.operation, reply)
    if (reply.status >= 400 && !request.readableDidRead) request.resume()
    send(response, reply, service.headers(call), (error) => onBug(error, call))
  }
  return (request, response, at) => {
    const call = new ArrivedCall(request, toAsked(request, service), at, clock.nowMs())
    answer(request, response, call).catch((error: unknown) => {
      onBug(error, call)
      response.destroy()
    })
  }
}

function toAsked(request: IncomingMessage, service: Pick<Service<unknown>, 'rewrite'>): Asked {
  const { method = 'GET', url = '/' } = request
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? '' : url.slice(mark + 1)
  const corrected = service.rewrite?.(method, path, request)
  return corrected
    ? { method: corrected.method, path: corrected.path, query }
    : { method, path, query }
}
