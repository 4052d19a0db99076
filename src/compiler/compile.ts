import type { Diagnostic } from './diagnostic.ts'
import { type CompileLimits, defaultLimits } from './limits.ts'
import {
  warnHyphenatedNames,
  warnLateNames,
  warnOutputPaths,
  warnUnresolvedMacros,
} from './lint/index.ts'
import { toPlan } from './model/pipeline.ts'
import type { Plan } from './plan.ts'
import { check } from './schema/check.ts'
import { grammar } from './schema/grammar.ts'
import { createSink, type Sink } from './sink.ts'
import {
  type CompileCache,
  createCompileCache,
  ExpansionStopped,
  expandPipeline,
  type PipelineExpansion,
} from './templates/index.ts'

/** What to compile and what is known at compile time. */
export interface CompileRequest {
  /** The root file's path in the repository of the pipeline, for example `azure-pipelines.yml`. */
  readonly file: string
  /** The text of a file; undefined when there is none. `repository` is `self` or a declared alias. */
  readFile(repository: string, path: string): string | undefined
  /** Values of the pipeline's parameters, chosen when the run is queued. */
  readonly parameters?: Readonly<Record<string, unknown>>
  /** System and queue-time variables that template expressions may read. */
  readonly variables?: Readonly<Record<string, string>>
  readonly limits?: Partial<CompileLimits>
  /** Accept YAML anchors, aliases and merge keys, which the service refuses. */
  readonly allowAnchors?: boolean
  /** Files that earlier compilations have parsed; only those that changed are parsed again. */
  readonly cache?: CompileCache
  /** Gets the lines of the service's expansion log: what was evaluated and what it gave. */
  readonly trace?: (line: string) => void
}

/** The plan, present only without errors; all that is wrong; and every file that was read. */
export interface Compilation {
  readonly plan?: Plan
  readonly diagnostics: readonly Diagnostic[]
  /** `path` for the pipeline's own repository, `path@alias` for others, in reading order. */
  readonly files: readonly string[]
}

/** Compiles a pipeline. Never throws for what the text holds; ends within the limits. */
export function compile(request: CompileRequest): Compilation {
  const limits = { ...defaultLimits, ...request.limits }
  const sink = createSink(limits.diagnostics)
  const expansion = expandPipeline({
    file: request.file,
    readFile: (repository, path) => request.readFile(repository, path),
    parameters: request.parameters ?? {},
    variables: request.variables ?? {},
    limits,
    allowAnchors: request.allowAnchors ?? false,
    cache: request.cache ?? createCompileCache(),
    sink,
    trace: request.trace,
  })
  const plan = withinLimits(request, sink, () => planOf(expansion, request.variables ?? {}, sink))
  const done = { diagnostics: sink.list(), files: expansion.files() }
  return plan && !sink.hasErrors() ? { plan, ...done } : done
}

function planOf(
  expansion: PipelineExpansion,
  variables: Readonly<Record<string, string>>,
  sink: Sink,
): Plan | undefined {
  const { root, template } = expansion.run()
  if (!root) return undefined
  check(root, 'pipeline', { grammar, sink })
  const plan = toPlan(root, sink)
  warnUnresolvedMacros(plan, variables, sink)
  warnHyphenatedNames(plan, sink)
  warnLateNames(plan, variables, sink)
  warnOutputPaths(plan, sink)
  return template ? { ...plan, extends: template } : plan
}

/** A used-up limit and a used-up stack both end in a diagnostic. */
function withinLimits<T>(
  request: CompileRequest,
  sink: Sink,
  work: () => T | undefined,
): T | undefined {
  try {
    return work()
  } catch (thrown) {
    if (thrown instanceof ExpansionStopped) return undefined
    // The engine's word for a full stack; nothing else in here throws a RangeError.
    if (!(thrown instanceof RangeError)) throw thrown
    const spot = { source: { file: request.file, text: '' }, start: 0, end: 0 }
    const message = 'Templates and their values are nested too deep.'
    sink.add({ code: 'nested-too-deep', message, spot })
    return undefined
  }
}
