import type { CompileLimits } from '../limits.ts'
import { didYouMean } from '../schema/suggest.ts'
import type { Sink } from '../sink.ts'
import type { Source, Spot } from '../text/source.ts'
import type { Token } from '../text/token.ts'
import { type ParsedFile, parseYaml } from '../text/yaml.ts'
import type { ProgramMemory } from './expansion.ts'
import type { FileOrigin } from './frame.ts'

/** A file of the pipeline, read and parsed; `root` is undefined when it is broken or empty. */
export interface LoadedFile extends FileOrigin {
  readonly root: Token | undefined
}

/** Parsed files by name and content. Give the same one to later compilations to read only what changed. */
export interface CompileCache {
  readonly files: Map<string, ParsedFile>
  /** What was read from the expressions of those files. */
  readonly memory: ProgramMemory
}

/** An empty cache. It keeps the files of the latest compilations, at most 1,000. */
export function createCompileCache(): CompileCache {
  return {
    files: new Map(),
    memory: { programs: new WeakMap(), directives: new WeakMap(), scans: new WeakMap() },
  }
}

const CACHED_FILES = 1000

/** Reads files, each once, and counts them. */
export interface Files {
  /** The file, or undefined when there is none; its findings go to the sink the first time. */
  load(repository: string, path: string, at: Spot | undefined): LoadedFile | undefined
  /** The repository and path that a `template:` value means, seen from `from`. */
  resolve(reference: string, from: FileOrigin, at: Spot): Resolved | undefined
  /** Names of all files read, in order. */
  names(): readonly string[]
}

interface Resolved {
  readonly repository: string
  readonly path: string
}

/** What file access needs from a compilation. */
export interface FilesContext {
  readonly sink: Sink
  readonly limits: CompileLimits
  readonly allowAnchors: boolean
  readonly cache: CompileCache
  /** Aliases of repositories that are declared so far. */
  aliases(): readonly string[]
  readFile(repository: string, path: string): string | undefined
  /** Called once for every file that could be read. */
  onLoad(file: LoadedFile): void
}

/** File access for one compilation. */
export function createFiles(context: FilesContext): Files {
  const loaded = new Map<string, LoadedFile | undefined>()
  return {
    names: () => [...loaded.entries()].flatMap(([name, file]) => (file ? [name] : [])),
    resolve: (reference, from, at) => resolvePath(reference, from, { context, at }),
    load(repository, path, at) {
      const name = repository === 'self' ? path : `${path}@${repository}`
      if (loaded.has(name)) return loaded.get(name)
      const file = read({ repository, path }, name, { context, at })
      loaded.set(name, file)
      if (file) context.onLoad(file)
      return file
    },
  }
}

function read(
  { repository, path }: Resolved,
  name: string,
  { context, at }: { readonly context: FilesContext; readonly at: Spot | undefined },
): LoadedFile | undefined {
  const text = context.readFile(repository, path)
  if (text === undefined) {
    const source: Source = { file: name, text: '' }
    const message = `File /${path} not found in repository ${repository}.`
    context.sink.add({
      code: 'file-not-found',
      message,
      spot: at ?? { source, start: 0, end: 0 },
    })
    return undefined
  }
  const parsed = parseCached(name, text, context)
  for (const finding of parsed.findings) context.sink.add(finding)
  // A tree guessed from broken text would only give complaints that follow from the first.
  const broken = parsed.findings.some(({ code }) => SYNTAX.has(code))
  return { repository, path, source: parsed.source, root: broken ? undefined : parsed.root }
}

const SYNTAX = new Set(['yaml-syntax', 'tab-indentation'])

function parseCached(name: string, text: string, context: FilesContext): ParsedFile {
  const { cache, limits, allowAnchors } = context
  const key = `${allowAnchors ? '&' : ''}${name}\n${text}`
  const known = cache.files.get(key)
  if (known) {
    cache.files.delete(key)
    cache.files.set(key, known)
    return known
  }
  const parsed = parseYaml({ file: name, text }, { limits, allowAnchors })
  cache.files.set(key, parsed)
  if (cache.files.size > CACHED_FILES) {
    const [oldest] = cache.files.keys()
    if (oldest !== undefined) cache.files.delete(oldest)
  }
  return parsed
}

/** `path`, `/path`, `path@alias`, `path@self`; without an alias the including file's repository. */
function resolvePath(
  reference: string,
  from: FileOrigin,
  { context, at }: { readonly context: FilesContext; readonly at: Spot },
): Resolved | undefined {
  const split = reference.lastIndexOf('@')
  const alias = split < 0 ? undefined : reference.slice(split + 1).trim()
  const written = (split < 0 ? reference : reference.slice(0, split)).trim().replaceAll('\\', '/')
  const repository = alias === undefined ? from.repository : findAlias(alias, context, at)
  if (repository === undefined) return undefined
  const sameRepository = alias === undefined || repository === from.repository
  const isRooted = written.startsWith('/') || !sameRepository
  const base = isRooted ? [] : from.path.split('/').slice(0, -1)
  const parts: string[] = [...base]
  for (const part of written.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') {
      parts.push(part)
    } else if (parts.pop() === undefined) {
      const message = `The path '${reference}' leads out of the repository.`
      context.sink.add({ code: 'template-path', message, spot: at })
      return undefined
    }
  }
  return { repository, path: parts.join('/') }
}

function findAlias(alias: string, context: FilesContext, at: Spot): string | undefined {
  if (alias.toLowerCase() === 'self') return 'self'
  const aliases = context.aliases()
  const found = aliases.find((known) => known.toLowerCase() === alias.toLowerCase())
  if (found !== undefined) return found
  const hint = didYouMean(alias, ['self', ...aliases]) ?? 'Declare it under resources.repositories.'
  const message = `The repository resource '${alias}' could not be found.`
  context.sink.add({ code: 'unknown-resource', message, hint, spot: at })
  return undefined
}
