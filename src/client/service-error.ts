import { Fault } from '../base/fault.ts'
import { isObject } from '../base/json.ts'

/** A service refused; `code` is its own word, `status` the HTTP status. */
export class ServiceError extends Fault {
  readonly status: number
  readonly inner: string | undefined
  /** What is wrong with a pipeline, each with its place: `azure-pipelines.yml:3:5: text`. */
  readonly findings: readonly string[]

  constructor(
    status: number,
    code: string,
    message: string,
    more: { readonly inner?: string; readonly findings?: readonly string[] } = {},
  ) {
    super(code, message)
    this.name = 'ServiceError'
    this.status = status
    this.inner = more.inner
    this.findings = more.findings ?? []
  }
}

/** Reads the four dialects of error bodies; the body itself is not kept. */
export function toServiceError(status: number, body: unknown): ServiceError {
  if (isObject(body)) {
    if (isObject(body['error'])) {
      const { code, message, innererror } = body['error']
      const inner = isObject(innererror) ? innererror['code'] : undefined
      return new ServiceError(
        status,
        text(code, 'Error'),
        text(message, `HTTP ${status}`),
        typeof inner === 'string' ? { inner } : {},
      )
    }
    if (typeof body['error'] === 'string') {
      return new ServiceError(status, body['error'], text(body['error_description'], body['error']))
    }
    if (typeof body['message'] === 'string') {
      return new ServiceError(status, text(body['typeKey'], 'Error'), body['message'], {
        findings: readFindings(body['customProperties']),
      })
    }
  }
  return new ServiceError(status, `Http${status}`, `The service answered HTTP ${status}.`)
}

function readFindings(properties: unknown): readonly string[] {
  const errors = isObject(properties) ? properties['ValidationErrors'] : undefined
  return (Array.isArray(errors) ? errors : []).filter(isObject).map(({ place, message }) => {
    const { file, line, column } = isObject(place) ? place : {}
    return `${file}:${line}:${column}: ${message}`
  })
}

function text(value: unknown, otherwise: string): string {
  return typeof value === 'string' && value !== '' ? value : otherwise
}
