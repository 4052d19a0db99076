import type { IncludeExclude } from '../plan.ts'

/**
 * True when the whole `text` fits `pattern`: `*` stands for any number of characters, also `/`, and
 * `?` for one. Case counts. Takes at most the product of both lengths in steps.
 */
export function fitsPattern(pattern: string, text: string): boolean {
  let [p, t, star, mark] = [0, 0, -1, 0]
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      mark = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++mark
    } else {
      return false
    }
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** What a filter says of a name, and the words for why. */
export interface Verdict {
  readonly run: boolean
  /** One sentence for people: what decided, with the pattern that did. */
  readonly reason: string
}

const HEADS = 'refs/heads/'
const TAGS = 'refs/tags/'

/** `branch` or `tag`, by what the full name of a ref begins with; undefined for others. */
export function kindOfRef(ref: string): 'branch' | 'tag' | undefined {
  if (ref.startsWith(TAGS)) return 'tag'
  return ref.startsWith(HEADS) || !ref.startsWith('refs/') ? 'branch' : undefined
}

/** A ref without `refs/heads/` or `refs/tags/`. */
export function shortName(ref: string): string {
  return ref.replace(/^refs\/(heads|tags)\//, '')
}

/** The first pattern that fits a ref. A pattern may say the full name or the short one. */
export function findPattern(patterns: readonly string[], ref: string): string | undefined {
  const isTag = kindOfRef(ref) === 'tag'
  return patterns.find((pattern) => {
    const bare = pattern.replace(/^\//, '')
    return bare.startsWith('refs/')
      ? fitsPattern(bare, isTag || ref.startsWith('refs/') ? ref : HEADS + ref)
      : fitsPattern(bare, shortName(ref))
  })
}

/** Holds a ref against a filter: no include means all, and what is excluded stays out. */
export function judgeRef(filter: IncludeExclude, ref: string): Verdict {
  const what = `The ${kindOfRef(ref) ?? 'ref'} '${shortName(ref)}'`
  const excluded = findPattern(filter.exclude, ref)
  if (excluded !== undefined) {
    return { run: false, reason: `${what} is excluded by '${excluded}'.` }
  }
  if (filter.include.length === 0) return { run: true, reason: `${what} is not excluded.` }
  const included = findPattern(filter.include, ref)
  return included === undefined
    ? { run: false, reason: `${what} is not among the included: ${quoted(filter.include)}.` }
    : { run: true, reason: `${what} is included by '${included}'.` }
}

/** Texts in quotes with commas; at most five, then how many more. */
export function quoted(texts: readonly string[]): string {
  const shown = texts.slice(0, 5).map((text) => `'${text}'`)
  const more = texts.length > shown.length ? ` and ${texts.length - shown.length} more` : ''
  return `${shown.join(', ')}${more}`
}
