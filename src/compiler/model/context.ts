import type { PlanResources } from '../plan.ts'
import type { Sink } from '../sink.ts'
import type { Spot } from '../text/source.ts'

/** What the model needs while it turns tokens into the plan. */
export interface ModelContext {
  readonly sink: Sink
  readonly resources: PlanResources
}

/** Adds an error at `at`. */
export function refuse(
  context: ModelContext,
  at: Spot,
  [code, message, hint]: readonly [string, string, (string | undefined)?],
): void {
  const spot = { source: at.source, start: at.start, end: at.end }
  context.sink.add({ code, message, hint, spot })
}
