import { Fault } from '../base/fault.ts'
import type { Diagnostic } from '../compiler/index.ts'

/** The devops room's own refusals; `wire-faults.ts` spells them for the wire. */
export type DevopsFaultCode =
  | 'Unauthenticated'
  | 'AccessDenied'
  | 'ProjectNotFound'
  | 'GroupExists'
  | 'GroupNotFound'
  | 'GroupWrong'
  | 'ConnectionNotFound'
  | 'ConnectionExists'
  | 'ConnectionWrong'
  | 'ResourceWrong'
  | 'PipelineNotFound'
  | 'PipelineExists'
  | 'PipelineWrong'
  | 'RunNotFound'
  | 'RunWrong'
  | 'LogNotFound'
  | 'ArtifactNotFound'
  | 'ArtifactExists'
  | 'ExpressionWrong'
  | 'LeaseLost'
  | 'PipelineInvalid'
  | 'RouteNotFound'

export function fault(code: DevopsFaultCode, message: string, detail?: string) {
  return new Fault<DevopsFaultCode>(code, message, detail)
}

/** Pipeline text that cannot run: every finding at once. */
export class PipelineInvalid extends Fault<'PipelineInvalid'> {
  readonly diagnostics: readonly Diagnostic[]

  constructor(diagnostics: readonly Diagnostic[]) {
    super('PipelineInvalid', toMessage(diagnostics.filter(({ severity }) => severity === 'error')))
    this.diagnostics = diagnostics
  }
}

/** Findings about what a pipeline names, not about its text. */
const VALIDATION = new Set(['resource-missing', 'task-missing', 'not-supported'])

/**
 * The service's form: findings in the text with their places, then `The pipeline is not valid.` with
 * the rest, inside its words about authorization when nothing else is wrong (integration §2.4).
 */
function toMessage(errors: readonly Diagnostic[]): string {
  const invalid = errors.filter(({ code }) => VALIDATION.has(code))
  const placed = errors
    .filter(({ code }) => !VALIDATION.has(code))
    .map(
      ({ place, message }) =>
        `/${place.file} (Line: ${place.line}, Col: ${place.column}): ${message}`,
    )
  if (invalid.length === 0) return placed.join('\n')
  const text = `The pipeline is not valid. ${invalid.map(({ message }) => message).join(' ')}`
  const isOnlyResources = errors.every(({ code }) => code === 'resource-missing')
  if (isOnlyResources) return `There was a resource authorization issue: "${text}"`
  return [...placed, text].join('\n')
}

/** A writer that holds an old lease. */
export function leaseLost(): Fault<DevopsFaultCode> {
  return fault('LeaseLost', 'The job is held by another agent or has ended; this write is refused.')
}

/** A linked group whose connection is gone (integration §2.3.4). */
export function connectionOfGroupGone(connection: string, group: string) {
  return fault(
    'ConnectionNotFound',
    `Service connection : ${connection} used in variable group : ${group} is not valid. Either service connection does not exist or has not been authorized for use.`,
  )
}
