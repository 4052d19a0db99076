import type { Finding } from '../sink.ts'
import type { ScalarToken, Token } from '../text/token.ts'
import { spotOfPart } from './evaluate.ts'
import type { DeferredProblem, ProgramMemory, Scanned } from './expansion.ts'
import { directiveWord, hasExpression, type Part, readDirective, readProgram } from './program.ts'

/** Parts of a root that are never expanded; the check refuses expressions in them. */
const RAW_KEYS = new Set(['parameters', 'trigger', 'pr', 'schedules'])

/**
 * Reads every expression of a file once. A syntax error counts even in a branch that is not taken;
 * unknown names are given back, because there they do no harm (facts §4.3).
 */
export function scanExpressions(root: Token, memory: ProgramMemory): Scanned {
  const known = memory.scans.get(root)
  if (known) return known
  const scan: Scan = { memory, findings: [], deferred: [] }
  if (root.kind === 'mapping') {
    for (const { key, value } of root.entries) {
      if (!RAW_KEYS.has(key.text)) visitEntry(key, value, NONE, scan)
    }
  } else {
    visit(root, NONE, scan)
  }
  memory.scans.set(root, scan)
  return scan
}

const NONE: ReadonlySet<string> = new Set()

interface Scan {
  readonly memory: ProgramMemory
  readonly findings: Finding[]
  readonly deferred: DeferredProblem[]
}

function visit(token: Token, names: ReadonlySet<string>, scan: Scan): void {
  if (token.kind === 'sequence') {
    for (const item of token.items) visit(item, names, scan)
  } else if (token.kind === 'mapping') {
    for (const { key, value } of token.entries) visitEntry(key, value, names, scan)
  } else if (hasExpression(token.text)) {
    visitScalar(token, names, scan)
  }
}

function visitEntry(key: ScalarToken, value: Token, names: ReadonlySet<string>, scan: Scan): void {
  if (!hasExpression(key.text)) {
    visit(value, names, scan)
    return
  }
  const directive = readDirective(key.text, names)
  scan.memory.directives.set(key, directive ?? 'none')
  if (!directive) visitScalar(key, names, scan)
  else if ('part' in directive) report(key, directive.part, scan)
  else if (directive.kind === 'broken') reportBroken(key, directive.error, scan)
  const inside =
    directive?.kind === 'each' ? new Set([...names, directive.name.toLowerCase()]) : names
  visit(value, inside, scan)
}

function visitScalar(token: ScalarToken, names: ReadonlySet<string>, scan: Scan): void {
  const program = readProgram(token.text, names)
  scan.memory.programs.set(token, program)
  if (program.kind === 'broken') reportBroken(token, program.error, scan)
  else if (program.kind === 'whole') report(token, program.part, scan)
  else {
    for (const part of program.parts) if (typeof part !== 'string') report(token, part, scan)
  }
}

function reportBroken(
  spot: ScalarToken,
  { message, hint }: { readonly message: string; readonly hint?: string },
  { findings }: Scan,
): void {
  findings.push({ code: 'expression', message, hint, spot })
}

function report(token: ScalarToken, part: Part, scan: Scan): void {
  const { error } = part
  if (!error) return
  if (error.unknownName) {
    scan.deferred.push({ token, part })
    return
  }
  const word = directiveWord(part)
  const hint = word ? `Write a colon behind '${word}': it is a key.` : error.hint
  const code = word ? 'directive-without-colon' : 'expression'
  scan.findings.push({ code, message: error.message, hint, spot: spotOfPart(token, part, error) })
}
