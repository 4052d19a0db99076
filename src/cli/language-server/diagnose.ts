import { mayBePipeline, sampleParameters, templateHost } from '../../compiler/editor/index.ts'
import {
  type Compilation,
  type CompileCache,
  compile,
  type Diagnostic,
} from '../../compiler/index.ts'
import type { PipelineFile } from '../pipelines/pipeline-files.ts'
import type { Workspace } from './workspace.ts'

/**
 * The problems of all files that the pipelines among `uris` read, by URI; a file without problems has
 * an empty list. A file that another one includes is judged as what it is there.
 */
export function diagnose(
  uris: readonly string[],
  workspace: Workspace,
  cache: CompileCache,
): ReadonlyMap<string, readonly Diagnostic[]> {
  const compiled = uris.flatMap((uri) => {
    const found = workspace.place(uri)
    if (!found || !isJudged(found, workspace)) return []
    return [{ uri, found, compilation: compileOne(found, workspace, cache) }]
  })
  const roots = withPipelinesAround(compiled, workspace, cache)
  const included = new Set(
    roots.flatMap(({ uri, found, compilation }) => {
      const read = compilation.files.map((file) => workspace.uriOf(found, file))
      return read.filter((one) => one !== uri)
    }),
  )
  const problems = new Map<string, Diagnostic[]>(uris.map((uri) => [uri, []]))
  for (const { uri, found, compilation } of roots) {
    if (included.has(uri)) continue
    for (const diagnostic of compilation.diagnostics) {
      const at = workspace.uriOf(found, diagnostic.place.file)
      if (at !== undefined) problems.set(at, [...(problems.get(at) ?? []), diagnostic])
    }
  }
  return problems
}

/** Other YAML, and a file in which nothing is written yet, have no problems of ours. */
function isJudged(found: PipelineFile, workspace: Workspace): boolean {
  const text = workspace.reader(found)('self', found.file) ?? ''
  return text.trim() !== '' && mayBePipeline({ file: found.file, text })
}

interface Compiled {
  readonly uri: string
  readonly found: PipelineFile
  readonly compilation: Compilation
}

const STANDARD_NAMES = ['azure-pipelines.yml', 'azure-pipelines.yaml']

/** The standard pipeline of each repository says what the templates that are open are part of. */
function withPipelinesAround(
  compiled: readonly Compiled[],
  workspace: Workspace,
  cache: CompileCache,
): readonly Compiled[] {
  const known = new Set(compiled.map(({ uri }) => uri))
  const folders = new Map(compiled.map(({ found }) => [found.root, found]))
  const more = [...folders.values()].flatMap((inside) =>
    STANDARD_NAMES.flatMap((file): readonly Compiled[] => {
      const found = { ...inside, file }
      const uri = workspace.uriOf(found, file)
      if (uri === undefined || known.has(uri)) return []
      if (workspace.reader(found)('self', file) === undefined) return []
      const compilation = compileOne(found, workspace, cache)
      // It is shown only for what it tells about the files that are open.
      const concerns = compilation.files.some((one) => known.has(workspace.uriOf(found, one) ?? ''))
      return concerns ? [{ uri, found, compilation }] : []
    }),
  )
  return [...compiled, ...more]
}

/** The name of a pipeline that exists only to use a template; no file has an empty name. */
const HOST = ''

function compileOne(found: PipelineFile, workspace: Workspace, cache: CompileCache): Compilation {
  const read = workspace.reader(found)
  const document = { file: found.file, text: read('self', found.file) ?? '' }
  const host = templateHost(document)
  if (host === undefined) {
    const parameters = sampleParameters(document)
    return compile({ file: found.file, readFile: read, parameters, cache })
  }
  const readFile = (repository: string, file: string) =>
    file === HOST ? host : read(repository, file)
  const { diagnostics, files } = compile({ file: HOST, readFile, cache })
  return {
    diagnostics: diagnostics.filter(({ place }) => place.file !== HOST),
    files: files.filter((file) => file !== HOST),
  }
}
