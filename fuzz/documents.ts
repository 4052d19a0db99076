import { type Random, randomFrom } from '../src/compiler/expressions/fuzz-texts.ts'
import {
  type Compilation,
  type CompileRequest,
  compile,
  createCompileCache,
  type Diagnostic,
  finalDocument,
  type Plan,
} from '../src/compiler/index.ts'
import { type Files, grownDocument } from './grown-documents.ts'
import { mutatedDocument, readCases } from './mutated-documents.ts'
import { templateDocument } from './template-documents.ts'

/** What a run saw. It is good when `violations` is empty. */
export interface DocumentReport {
  readonly count: number
  /** Documents without errors; each was printed and compiled again. */
  readonly compiled: number
  readonly slowestMs: number
  readonly slowest: Files
  /** At most 20; the run goes on behind them. */
  readonly violations: readonly { readonly files: Files; readonly what: string }[]
}

/** No document may take longer. Generous, because the machine may be busy. */
const MOST_MS = 3_000
const MOST_VIOLATIONS = 20
const ROOT = 'azure-pipelines.yml'

/**
 * Compiles `count` random documents, the same ones for the same seed, and checks that nothing throws
 * or takes long, that diagnostics stand inside the text, that a second compilation (with remembered
 * files) says the same, and that what has no error prints a final document with the same plan.
 */
export function fuzzDocuments(
  seed: number,
  count: number,
  progress: (done: number) => void,
): DocumentReport {
  const random = randomFrom(seed)
  const cases = readCases()
  const cache = createCompileCache()
  const violations: { files: Files; what: string }[] = []
  const seen = { compiled: 0, slowestMs: 0, slowest: {} as Files }
  for (let i = 0; i < count; i++) {
    const files = document(random, cases)
    const startMs = performance.now()
    const { wrong, compiled } = checkSafely(files, cache)
    const tookMs = performance.now() - startMs
    if (compiled) seen.compiled++
    if (tookMs > seen.slowestMs) Object.assign(seen, { slowestMs: tookMs, slowest: files })
    const what = wrong ?? (tookMs > MOST_MS ? `took ${Math.round(tookMs)} ms` : undefined)
    if (what && violations.length < MOST_VIOLATIONS) violations.push({ files, what })
    progress(i + 1)
  }
  return { count, ...seen, violations }
}

function document(random: Random, cases: ReturnType<typeof readCases>): Files {
  const kind = random(4)
  if (kind === 0) return templateDocument(random)
  return kind === 1 ? grownDocument(random) : mutatedDocument(random, cases)
}

interface Outcome {
  readonly compiled: boolean
  readonly wrong?: string | undefined
}

/** Holds the promises against one document. */
function checkSafely(files: Files, cache = createCompileCache()): Outcome {
  try {
    return check(files, cache)
  } catch (thrown) {
    const what = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)
    return { compiled: false, wrong: `threw ${what.split('\n').slice(0, 4).join(' | ')}` }
  }
}

function check(files: Files, cache: ReturnType<typeof createCompileCache>): Outcome {
  const first = compile(requestOf(files))
  const compiled = first.plan !== undefined
  const outside = first.diagnostics.find((diagnostic) => !isInside(diagnostic, files))
  if (outside) return { compiled, wrong: `place outside the text: ${JSON.stringify(outside)}` }
  const hasErrors = first.diagnostics.some(({ severity }) => severity === 'error')
  if (hasErrors === compiled) return { compiled, wrong: 'a plan with errors, or neither' }
  const second = compile({ ...requestOf(files), cache })
  if (!isSame(first, second)) return { compiled, wrong: 'a second compilation differs' }
  return { compiled, wrong: first.plan && roundTrip(first.plan) }
}

function requestOf(files: Files): CompileRequest {
  const read = (repository: string, name: string) =>
    files[repository === 'self' ? name : `${name}@${repository}`]
  return { file: ROOT, readFile: read, allowAnchors: false }
}

function isInside({ place, message }: Diagnostic, files: Files): boolean {
  const lines = files[place.file]?.split('\n')
  if (!lines || message === '' || place.line < 1 || place.column < 1) return false
  const fits = (line: number, column: number) => column <= (lines[line - 1]?.length ?? -1) + 1
  const ordered =
    place.endLine > place.line || (place.endLine === place.line && place.endColumn >= place.column)
  return ordered && fits(place.line, place.column) && fits(place.endLine, place.endColumn)
}

function isSame(first: Compilation, second: Compilation): boolean {
  return JSON.stringify(first) === JSON.stringify(second)
}

function roundTrip(plan: Plan): string | undefined {
  const printed = finalDocument(plan)
  const again = compile(requestOf({ [ROOT]: printed }))
  const error = again.diagnostics.find(({ severity }) => severity === 'error')
  if (error) return `the final document is refused: ${error.message}\n${printed}`
  const [before, after] = [withoutPlaces(plan), withoutPlaces(again.plan)]
  return before === after ? undefined : `the final document gives another plan:\n${printed}`
}

/** A plan as text, without places and without the template that it extended. */
function withoutPlaces(plan: Plan | undefined): string {
  const { extends: _source, ...rest } = plan ?? {}
  return JSON.stringify(rest, (name, value: unknown) => {
    if (name === 'place') return undefined
    return isMapping(value) ? Object.fromEntries(Object.entries(value).sort(byName)) : value
  })
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function byName([left]: [string, unknown], [right]: [string, unknown]): number {
  return left < right ? -1 : left > right ? 1 : 0
}
