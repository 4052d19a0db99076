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

const KEPT_QUERIES = 1000
const KEPT_QUERY_CHARACTERS = 200

export type Handler = (request: IncomingMessage, response: ServerResponse, at: Arrival) => void

/** Makes a service answer requests. `onBug` gets what no fault explains, for the log. */
export function createHandler<Context>(
  service: Service<Context>,
  clock: Clock,
  onBug: (error: unknown, call: Call) => void,
): Handler {
  const findRoute = createRouter(service.operations)
  const readQuery = rememberQueries()
  const finish = (asking: Asking<Context>, reply: Reply): void => {
    const { request, response, call, operation } = asking
    service.answered?.(call, operation, reply)
    if (reply.status >= 400 && !request.readableDidRead) request.resume()
    send(response, reply, service.headers(call), (error) => onBug(error, call))
  }
  const refuse = (asking: Asking<Context>, thrown: unknown): void => {
    const reply = service.toReply(thrown, asking.call)
    if (reply.status >= 500 && !isSenderGone(thrown)) onBug(thrown, asking.call)
    finish(asking, reply)
  }
  /** Nothing is awaited that is there already: a read from memory is answered in one go. */
  const answer = (asking: Asking<Context>): Promise<void> | undefined => {
    let replied: Promise<Reply> | Reply
    try {
      replied = reply(service, asking)
    } catch (thrown) {
      refuse(asking, thrown)
      return undefined
    }
    if (!(replied instanceof Promise)) {
      finish(asking, replied)
      return undefined
    }
    return replied.then(
      (found) => finish(asking, found),
      (thrown: unknown) => refuse(asking, thrown),
    )
  }
  return (request, response, at) => {
    const call = new ArrivedCall(request, toAsked(request, service, readQuery), at, clock.nowMs())
    const cut = (error: unknown) => {
      onBug(error, call)
      response.destroy()
    }
    try {
      const route = findRoute(call.method, call.path)
      if (route) call.params = route.params
      answer({ request, response, call, operation: route?.operation })?.catch(cut)
    } catch (error) {
      cut(error)
    }
  }
}

interface Asking<Context> {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly call: ArrivedCall
  readonly operation: Operation<Context> | undefined
}

function reply<Context>(
  service: Service<Context>,
  { call, operation }: Asking<Context>,
): Promise<Reply> | Reply {
  if (!operation) return service.notFound(call)
  const context = service.open(call, operation)
  return context instanceof Promise
    ? context.then((opened) => operation.handle(call, opened))
    : operation.handle(call, context)
}

/** Clients of one server ask with few queries, most of them an api-version: each is read once. */
function rememberQueries(): (text: string) => URLSearchParams {
  const known = new Map<string, URLSearchParams>()
  return (text) => {
    let query = known.get(text)
    if (query === undefined) {
      query = new URLSearchParams(text)
      if (known.size >= KEPT_QUERIES) known.clear()
      if (text.length <= KEPT_QUERY_CHARACTERS) known.set(text, query)
    }
    return query
  }
}

function toAsked(
  request: IncomingMessage,
  service: Pick<Service<unknown>, 'rewrite'>,
  readQuery: (text: string) => URLSearchParams,
): Asked {
  const { method = 'GET', url = '/' } = request
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = readQuery(mark < 0 ? '' : url.slice(mark + 1))
  const corrected = service.rewrite?.(method, path, request)
  return corrected
    ? { method: corrected.method, path: corrected.path, query }
    : { method, path, query }
}
