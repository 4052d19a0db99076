import type { IncludeExclude } from '../plan.ts'
import { fitsPattern, quoted, type Verdict } from './patterns.ts'

/**
 * True when `path` or a folder above it fits the pattern: `**` stands for any folders, `*` for any
 * characters but `/`, `?` for one. Case counts; a slash at either end of the pattern does not.
 */
function fitsPath(pattern: string, path: string): boolean {
  return fitsParts(partsOf(pattern), partsOf(path))
}

function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.')
}

/** One row a part of the pattern, so that many `**` stay cheap: which beginnings of the path fit. */
function fitsParts(pattern: readonly string[], path: readonly string[]): boolean {
  let fits = [true, ...path.map(() => false)]
  for (const part of pattern) {
    const next = fits.map(() => false)
    for (const [length, reached] of fits.entries()) {
      if (part === '**') next[length] = reached || (length > 0 && next[length - 1] === true)
      else if (reached && fitsPart(part, path[length])) next[length + 1] = true
    }
    fits = next
  }
  // What fits the beginning of the path is a folder that holds it.
  return fits.some(Boolean)
}

function fitsPart(pattern: string, part: string | undefined): boolean {
  return part !== undefined && fitsPattern(pattern, part)
}

/** The path up to its first wildcard: what a pattern names for sure. */
function literalOf(pattern: string): string {
  const parts = partsOf(pattern)
  const wild = parts.findIndex((part) => /[*?]/.test(part))
  return (wild < 0 ? parts : parts.slice(0, wild)).join('/')
}

/** True when an include stands below what an exclude leaves out, and is therefore the closer word. */
function isBelow(include: string, exclude: string): boolean {
  const literal = literalOf(include)
  if (literal === '' || partsOf(include).join('/') === partsOf(exclude).join('/')) return false
  return literal !== literalOf(exclude) && fitsPath(exclude, literal)
}

/** Whether a filter counts a change of `path`, and the pattern that decides. */
function countsPath(filter: IncludeExclude, path: string): boolean {
  const include = filter.include.filter((pattern) => fitsPath(pattern, path))
  if (filter.include.length > 0 && include.length === 0) return false
  const exclude = filter.exclude.filter((pattern) => fitsPath(pattern, path))
  return exclude.every((one) => include.some((closer) => isBelow(closer, one)))
}

/** Holds changed paths against a filter; one that counts is enough. */
export function judgePaths(filter: IncludeExclude, changed: readonly string[]): Verdict {
  const path = changed.find((one) => countsPath(filter, one))
  if (path !== undefined) return { run: true, reason: `The change of '${path}' counts.` }
  const lists = [
    ...(filter.include.length > 0 ? [`included are ${quoted(filter.include)}`] : []),
    ...(filter.exclude.length > 0 ? [`excluded are ${quoted(filter.exclude)}`] : []),
  ]
  const reason =
    changed.length === 0
      ? 'No file has changed, and the trigger has a path filter.'
      : `No changed file counts: ${lists.join(', ')}.`
  return { run: false, reason }
}
