import type { CompileLimits } from '../limits.ts'
import { check } from '../schema/check.ts'
import { grammar } from '../schema/grammar.ts'
import { createSink, type Sink } from '../sink.ts'
import type { Source, Spot } from '../text/source.ts'
import {
  type Entry,
  find,
  type MappingToken,
  mappingAt,
  scalarAt,
  type Token,
} from '../text/token.ts'
import { parseYaml } from '../text/yaml.ts'
import { createBudget } from './budget.ts'
import { spotOfPart } from './evaluate.ts'
import { expandEntries } from './expand.ts'
import type { DeferredProblem, Expansion } from './expansion.ts'
import { applyExtends, type Extended } from './extends.ts'
import { type CompileCache, createFiles, type Files } from './files.ts'
import type { Frame } from './frame.ts'
import { finishTyped, includeTemplate, withoutParameters } from './include.ts'
import { jsonToken } from './json-token.ts'
import { bindParameters } from './parameters.ts'
import { hasExpression } from './program.ts'
import { createKnownResources, type KnownResources } from './resources-value.ts'
import { scanExpressions } from './scan.ts'
import { createShapes } from './shapes.ts'
import { createTokenValues } from './values.ts'
import { VariableScope } from './variable-scope.ts'

/** What expansion is given. */
export interface ExpandRequest {
  readonly file: string
  readFile(repository: string, path: string): string | undefined
  readonly parameters: Readonly<Record<string, unknown>>
  readonly variables: Readonly<Record<string, string>>
  readonly limits: CompileLimits
  readonly allowAnchors: boolean
  readonly cache: CompileCache
  readonly sink: Sink
  readonly trace: ((line: string) => void) | undefined
}

/** An expansion that is ready to run. */
export interface PipelineExpansion {
  /** Names of the files read so far, in order. */
  files(): readonly string[]
  /** The expanded root, if there is one. @throws ExpansionStopped when a limit is used up */
  run(): Partial<Extended>
}

/** Prepares to read and expand the root file; all that is wrong will go to the sink. */
export function expandPipeline(request: ExpandRequest): PipelineExpansion {
  const { sink, cache } = request
  const known = createKnownResources(selfOf(request.variables), createSink(1))
  const deferred: DeferredProblem[] = []
  const files = createFiles({
    ...request,
    readFile: (repository, path) => request.readFile(repository, path),
    aliases: known.aliases,
    onLoad: ({ root }) => {
      if (root && hasExpression(root.source.text)) {
        const scanned = scanExpressions(root, cache.memory)
        for (const finding of scanned.findings) sink.add(finding)
        deferred.push(...scanned.deferred)
      }
    },
  })
  const expansion = createExpansion(request, known, files)
  return {
    files: files.names,
    run() {
      const root = files.load('self', request.file, undefined)
      const expanded = root && expandRoot(root.root, { request, expansion, files })
      warnDeferred(deferred, expansion)
      return expanded ?? {}
    },
  }
}

function createExpansion(
  { sink, limits, cache, trace }: ExpandRequest,
  known: KnownResources,
  files: Files,
): Expansion {
  const budget = createBudget(limits, sink)
  const expansion: Expansion = {
    sink,
    limits,
    budget,
    evaluationLimits: { onSpent: budget.noteSpent },
    values: createTokenValues(),
    memory: cache.memory,
    shape: createShapes(),
    resources: known.value,
    planResources: known.plan,
    declareResources: known.declare,
    include: (reference, kind, frame) =>
      includeTemplate(reference, kind, { frame, expansion, files }),
    failed: new WeakSet(),
    linted: new WeakSet(),
    trace,
  }
  return expansion
}

function expandRoot(
  root: Token | undefined,
  at: { readonly request: ExpandRequest; readonly expansion: Expansion; readonly files: Files },
): Partial<Extended> {
  const { request, expansion, files } = at
  const { sink } = expansion
  if (root?.kind !== 'mapping') {
    reportNoPipeline(root, request)
    return {}
  }
  const frame = rootFrame(root, request, expansion)
  expansion.trace?.(`Begin evaluating template '/${request.file}'`)
  const expanded = expandEntries(withoutParameters(root), {
    frame,
    shape: expansion.shape('pipeline'),
    expansion,
  })
  const result = applyExtends(expanded, { frame, expansion, files })
  expansion.trace?.(`Finished evaluating template '/${request.file}'`)
  if (find(root, 'parameters')?.kind === 'mapping') {
    const hint = 'Write a list: - name: NAME, type: TYPE, default: VALUE.'
    const spot = find(root, 'parameters') ?? root
    sink.add({ code: 'unexpected-mapping', message: 'A mapping was not expected', hint, spot })
  }
  return result
}

function rootFrame(root: MappingToken, request: ExpandRequest, expansion: Expansion): Frame {
  const system = new VariableScope()
  for (const [name, value] of Object.entries(request.variables)) system.set(name, value)
  const { source } = root
  const origin = { repository: 'self', path: request.file, source }
  const frame = {
    origin,
    variables: new VariableScope(system),
    loops: {},
    loopNames: new Set<string>(),
    depth: 0,
    parameters: null,
    declared: undefined,
  }
  const written = find(root, 'parameters')
  if (written) check(written, 'parameters', { grammar, sink: expansion.sink })
  const at: Spot = written ?? { source, start: root.start, end: root.start }
  const declared = written?.kind === 'sequence' ? written.items : []
  const items = [...declared, ...webhookParameters(root)]
  const declarations: Token = { kind: 'sequence', ...spotOf(at), items }
  const bound = bindParameters(
    declarations,
    {
      at,
      entries: queueEntries(declarations, request, at),
      finish: (token, kind) => finishTyped(token, kind, { frame, expansion }),
    },
    expansion,
  )
  return { ...frame, ...bound }
}

/** The payload of a webhook is read as a parameter with the name of its alias. */
function webhookParameters(root: MappingToken): readonly Token[] {
  const webhooks = find(find(root, 'resources'), 'webhooks')
  if (webhooks?.kind !== 'sequence') return []
  return webhooks.items.flatMap((item) => {
    const alias = find(item, 'webhook')
    if (alias?.kind !== 'scalar' || alias.text === '') return []
    const entry = (name: string, value: Token): Entry => ({ key: scalarAt(alias, name), value })
    return mappingAt(alias, [
      entry('name', alias),
      entry('type', scalarAt(alias, 'object')),
      entry('default', mappingAt(alias, [])),
    ])
  })
}

function spotOf({ source, start, end }: Spot): Spot {
  return { source, start, end }
}

/** Texts are what a form or the command line sends; other types than these are YAML in them. */
const TEXT_TYPES =
  /^(string|number|boolean|environment|filepath|pool|securefile|serviceconnection)?$/i

/** Queue-time parameters as tokens; the text of an object or list is read as YAML. */
function queueEntries(
  declarations: Token,
  { parameters, limits, allowAnchors, sink }: ExpandRequest,
  at: Spot,
): readonly Entry[] {
  const items = declarations.kind === 'sequence' ? declarations.items : []
  const typeOf = new Map(
    items.map((item) => [textAt(item, 'name').toLowerCase(), textAt(item, 'type')] as const),
  )
  return Object.entries(parameters).map(([name, value]) => {
    const key = scalarAt(at, name)
    if (typeof value !== 'string' || TEXT_TYPES.test(typeOf.get(name.toLowerCase()) ?? '')) {
      return { key, value: jsonToken(value, at) }
    }
    const source: Source = { file: `parameter ${name}`, text: value }
    const { root, findings } = parseYaml(source, { limits, allowAnchors })
    for (const finding of findings) sink.add(finding)
    return { key, value: root ?? scalarAt(at, '') }
  })
}

function textAt(item: Token, key: string): string {
  const token = find(item, key)
  return token?.kind === 'scalar' ? token.text : ''
}

function selfOf(variables: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const read = (name: string) =>
    Object.entries(variables).find(([key]) => key.toLowerCase() === name)?.[1] ?? ''
  return {
    type: read('build.repository.provider') || 'git',
    name: read('build.repository.name'),
    id: read('build.repository.id'),
    ref: read('build.sourcebranch'),
    version: read('build.sourceversion'),
  }
}

function reportNoPipeline(root: Token | undefined, request: ExpandRequest): void {
  if (request.sink.hasErrors()) return
  const source: Source = root?.source ?? { file: request.file, text: '' }
  const message = root?.kind === 'sequence' ? 'A sequence was not expected' : 'Expected a mapping'
  const hint = 'A pipeline begins with keys such as trigger, pool and steps.'
  const spot = { source, start: 0, end: 0 }
  request.sink.add({ code: 'not-a-pipeline', message, hint, spot })
}

/** Unknown names in branches that were not taken do no harm now, but will one day. */
function warnDeferred(deferred: readonly DeferredProblem[], { sink, failed }: Expansion): void {
  for (const { token, part } of deferred) {
    const { error } = part
    if (!error || failed.has(token)) continue
    sink.add({
      code: 'expression-not-taken',
      severity: 'warning',
      message: `${error.message} The branch was not taken.`,
      hint: error.hint,
      spot: spotOfPart(token, part, error),
    })
  }
}
