import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { type CompileRequest, compile } from './compile.ts'
import type { Diagnostic } from './diagnostic.ts'
import type { Plan, PlanStep } from './plan.ts'
import { finalDocument } from './print/final-document.ts'

/** One case of a file under cases/; several stand in one file, grouped by section of the facts. */
interface Case {
  readonly case: string
  readonly input: string
  /** Other files: `path`, or `path@alias` for another repository. */
  readonly files?: Readonly<Record<string, string>>
  readonly parameters?: Record<string, unknown>
  readonly variables?: Record<string, string>
  readonly limits?: Record<string, number>
  readonly allowAnchors?: boolean
  /** An excerpt of the plan. */
  readonly plan?: object
  /** An excerpt of the first stage's jobs. */
  readonly jobs?: readonly object[]
  /** An excerpt of the first job's steps, the injected checkout aside. */
  readonly steps?: readonly object[]
  /** All diagnostics in order, each `line:column [warning ]code: message [hint]` or its beginning. */
  readonly diagnostics?: readonly string[]
}

const folder = path.join(import.meta.dirname, 'cases')
const gaps: Readonly<Record<string, string>> = JSON.parse(
  readFileSync(path.join(folder, 'known-gaps.json'), 'utf8'),
)

const rows = globSync('**/*.yaml', { cwd: folder })
  .sort()
  .flatMap((file) => {
    const cases = parse(readFileSync(path.join(folder, file), 'utf8')) as Case[]
    return cases.map((one) => ({ id: `${file.replace(/\.yaml$/, '')}: ${one.case}`, one }))
  })

describe('cases', () => {
  test.each(rows.filter(({ id }) => !(id in gaps)))('$id', ({ one }) => hold(one))

  test.each(rows.filter(({ id }) => id in gaps))('known gap still fails: $id', ({ one }) => {
    expect(() => hold(one)).toThrow()
  })

  test('every known gap names a case', () => {
    const ids = new Set(rows.map(({ id }) => id))
    expect(Object.keys(gaps).filter((id) => !ids.has(id))).toEqual([])
  })

  test('every case has a name of its own', () => {
    expect(rows.length).toBe(new Set(rows.map(({ id }) => id)).size)
  })
})

test('a case whose lines were moved, doubled or taken out never ends in a crash', () => {
  const edit = fc.record({
    kind: fc.constantFrom('cut', 'double', 'move', 'indent', 'break'),
    from: fc.nat(40),
    to: fc.nat(40),
  })
  fc.assert(
    fc.property(fc.constantFrom(...rows), fc.array(edit, { maxLength: 3 }), ({ one }, edits) => {
      const changed = { ...one, input: edits.reduce(applyEdit, one.input) }
      const limits = { ...one.limits, events: 50_000, includeDepth: 20 }
      const request = { ...requestOf(changed), limits }
      const { plan, diagnostics } = compile(request)
      expect(plan === undefined).toBe(diagnostics.some(({ severity }) => severity === 'error'))
      if (plan) holdRoundTrip(changed, plan)
    }),
    { numRuns: 500 },
  )
})

function applyEdit(
  text: string,
  { kind, from, to }: { readonly kind: string; readonly from: number; readonly to: number },
): string {
  const lines = text.split('\n')
  const at = from % lines.length
  const line = lines[at] ?? ''
  if (kind === 'cut' || kind === 'move') lines.splice(at, 1)
  if (kind === 'double' || kind === 'move') lines.splice(to % (lines.length + 1), 0, line)
  if (kind === 'indent') lines[at] = `  ${line}`
  if (kind === 'break') lines[at] = line.slice(0, to % (line.length + 1))
  return lines.join('\n')
}

function hold(one: Case): void {
  const { plan, diagnostics } = compile(requestOf(one))
  const found = diagnostics.map(show)
  const wanted = one.diagnostics ?? []
  expect(found.map((text, i) => (text.startsWith(wanted[i] ?? '\n') ? wanted[i] : text))).toEqual(
    wanted,
  )
  if (one.plan) expect(plan).toMatchObject(one.plan)
  if (one.jobs) expect(plan?.stages[0]?.jobs).toMatchObject(one.jobs)
  if (one.steps) expect(withoutCheckout(plan)).toMatchObject(one.steps)
  const errors = diagnostics.filter(({ severity }) => severity === 'error')
  expect(plan === undefined).toBe(errors.length > 0)
  if (plan) holdRoundTrip(one, plan)
}

function withoutCheckout(plan: Plan | undefined): readonly PlanStep[] | undefined {
  const steps = plan?.stages[0]?.jobs[0]?.steps
  const [first, ...rest] = steps ?? []
  const isInjected = first?.inputs['repository'] === 'self' && first.displayName === undefined
  return isInjected ? rest : steps
}

function requestOf(one: Case): CompileRequest {
  const { files, input, case: _name, plan, jobs, steps, diagnostics, ...options } = one
  return {
    file: 'azure-pipelines.yml',
    readFile: (repository, name) =>
      repository === 'self' && name === 'azure-pipelines.yml'
        ? input
        : files?.[repository === 'self' ? name : `${name}@${repository}`],
    ...options,
  }
}

function show({ place, severity, code, message, hint }: Diagnostic): string {
  const file = place.file === 'azure-pipelines.yml' ? '' : `${place.file}:`
  const kind = severity === 'error' ? '' : `${severity} `
  return `${file}${place.line}:${place.column} ${kind}${code}: ${message}${hint ? ` [${hint}]` : ''}`
}

/** Printing the final document and compiling it again gives the same plan, places aside. */
function holdRoundTrip(one: Case, plan: Plan): void {
  const input = finalDocument(plan)
  const again = compile(requestOf({ case: one.case, input }))
  const errors = again.diagnostics.filter(({ severity }) => severity === 'error')
  expect({ errors, input }).toEqual({ errors: [], input })
  expect(withoutPlaces(again.plan)).toEqual(withoutPlaces(plan))
}

function withoutPlaces(plan: Plan | undefined): unknown {
  const { extends: _source, ...rest } = plan ?? {}
  return JSON.parse(JSON.stringify(rest, (name, value) => (name === 'place' ? undefined : value)))
}
