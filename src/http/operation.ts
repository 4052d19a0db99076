import type { Call } from './call.ts'
import type { Reply } from './reply.ts'

export type Method = 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE' | 'OPTIONS' | 'HEAD'

/** `'/secrets/:name/:version?'` -> `{ name: string; version?: string }`. */
export type PathParams<Path extends string> = Path extends `${infer Segment}/${infer Rest}`
  ? SegmentParams<Segment> & PathParams<Rest>
  : SegmentParams<Path>

type SegmentParams<Segment extends string> = Segment extends `:${infer Name}?`
  ? { readonly [Key in Name]?: string }
  : Segment extends `:${infer Name}`
    ? { readonly [Key in Name]: string }
    : Segment extends '*'
      ? { readonly '*': string }
      : unknown

/** A wire operation: one row, one place. */
export interface Operation<Context> {
  /** The operation's name in the vendor's API description, for the log and the coverage list. */
  readonly name: string
  readonly method: Method
  /** Segments, `:name`, a last `:name?`, or a last `*`. Compared without case. */
  readonly path: string
  /** What the caller must be allowed to do, in the service's own words; undefined: nothing. */
  readonly permission: string | undefined
  readonly handle: (call: Call, context: Context) => Promise<Reply> | Reply
}

/** Makes operations of a service whose handlers see `Context` beside the call. */
export function operation<Context>() {
  return <const Path extends string>(
    name: string,
    route: { readonly method: Method; readonly path: Path; readonly permission?: string },
    handle: (call: Call<PathParams<Path>>, context: Context) => Promise<Reply> | Reply,
  ): Operation<Context> => ({
    name,
    method: route.method,
    path: route.path,
    permission: route.permission,
    handle: handle as unknown as Operation<Context>['handle'],
  })
}
