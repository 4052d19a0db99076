import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import fastify from 'fastify'
import type { Clock } from '../base/clock.ts'
import { newGuid } from '../base/ids.ts'
import type { Call } from './call.ts'
import { BODY_LIMIT_BYTES, readAll, readJsonBody } from './call.ts'
import type { Operation } from './operation.ts'
import type { Reply, ReplyHeaders } from './reply.ts'

/** Where a request arrived, as the network room saw it. */
export interface Arrival {
  readonly host: string
  readonly label: string | undefined
  readonly suffix: string
}

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

const ARRIVAL = Symbol('arrival')
type Arrived = IncomingMessage & { [ARRIVAL]?: Arrival }

/** Makes a service answer requests. `onBug` gets what no fault explains, for the log. */
export async function createHandler<Context>(
  service: Service<Context>,
  clock: Clock,
  onBug: (error: unknown, call: Call) => void,
): Promise<Handler> {
  let route: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
  const app = fastify({
    serverFactory: (handler) => {
      route = handler
      return createServer()
    },
    routerOptions: {
      ignoreTrailingSlash: true,
      ignoreDuplicateSlashes: true,
      caseSensitive: false,
    },
    exposeHeadRoutes: false,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    forceCloseConnections: false,
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
  const answer = makeAnswer(service, clock, onBug)
  for (const operation of service.operations) {
    app.route({
      method: operation.method,
      url: operation.path,
      handler: (request, reply) => answer(request, reply, operation),
    })
  }
  app.setNotFoundHandler((request, reply) => answer(request, reply, undefined))
  await app.ready()
  return (request, response, at) => {
    ;(request as Arrived)[ARRIVAL] = at
    if (service.rewrite) {
      const mark = (request.url ?? '/').indexOf('?')
      const path = mark < 0 ? (request.url ?? '/') : (request.url ?? '/').slice(0, mark)
      const query = mark < 0 ? '' : (request.url ?? '/').slice(mark)
      const corrected = service.rewrite(request.method ?? 'GET', path, request)
      request.method = corrected.method
      request.url = corrected.path + query
    }
    route?.(request, response)
  }
}

function makeAnswer<Context>(
  service: Service<Context>,
  clock: Clock,
  onBug: (error: unknown, call: Call) => void,
) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
    operation: Operation<Context> | undefined,
  ): Promise<FastifyReply> => {
    const call = toCall(request, clock)
    let answer: Reply
    try {
      answer = operation
        ? await operation.handle(call, await service.open(call, operation))
        : await service.notFound(call)
    } catch (thrown) {
      answer = service.toReply(thrown, call)
      if (answer.status >= 500) onBug(thrown, call)
    }
    service.answered?.(call, operation, answer)
    if (request.raw.readableDidRead === false && answer.status >= 400) request.raw.resume()
    return send(reply, answer, service.headers(call))
  }
}

function send(reply: FastifyReply, answer: Reply, common: ReplyHeaders): FastifyReply {
  reply.code(answer.status).headers(common)
  if (answer.body !== undefined) {
    reply.header('content-type', 'application/json; charset=utf-8')
    if (answer.headers) reply.headers(answer.headers)
    return reply.send(JSON.stringify(answer.body))
  }
  if (answer.headers) reply.headers(answer.headers)
  if (answer.stream) return reply.send(answer.stream)
  return reply.send(answer.bytes ?? '')
}

function toCall(request: FastifyRequest, clock: Clock): Call {
  const raw = request.raw as Arrived
  const at = raw[ARRIVAL] ?? { host: 'localhost', label: undefined, suffix: 'localhost' }
  const url = raw.url ?? '/'
  const mark = url.indexOf('?')
  const stream = raw as Readable
  let query: URLSearchParams | undefined
  return {
    method: request.method,
    path: mark < 0 ? url : url.slice(0, mark),
    params: request.params as Record<string, string | undefined>,
    get query() {
      query ??= new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1))
      return query
    },
    headers: raw.headers,
    host: at.host,
    origin: `https://${at.host}`,
    label: at.label,
    suffix: at.suffix,
    callerAddress: toIpv4(raw.socket.remoteAddress ?? ''),
    requestId: newGuid(),
    receivedAtMs: clock.nowMs(),
    stream,
    readBytes: (limitBytes = BODY_LIMIT_BYTES) => readAll(stream, limitBytes),
    readJson: (limitBytes = BODY_LIMIT_BYTES) => readJsonBody(stream, limitBytes),
  }
}

/** `::ffff:10.0.0.1` is an IPv4 caller on a dual-stack socket. */
function toIpv4(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address
}
