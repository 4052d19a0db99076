/** Names longer than this are text, not macros. */
const MAX_NAME_LENGTH = 500

/** The replacement of a name, or undefined to leave the macro as it is. */
export type MacroReplacer = (name: string) => string | undefined

/**
 * Replaces every `$(name)` once, from left to right; what a replacement brings in is not scanned
 * again, and after a macro that stays the scan goes on right behind its `$(` (facts §4.10).
 * Linear in the text.
 */
export function replaceMacros(text: string, replacer: MacroReplacer): string {
  let result = ''
  let copied = 0
  let close = -1
  for (let open = text.indexOf('$('); open !== -1; open = text.indexOf('$(', open)) {
    const start = open + 2
    if (close < start) close = text.indexOf(')', start)
    if (close === -1) break
    const value = close - start > MAX_NAME_LENGTH ? undefined : replacer(text.slice(start, close))
    if (value === undefined) {
      open = start
      continue
    }
    result += text.slice(copied, open) + value
    open = close + 1
    copied = open
  }
  return copied === 0 ? text : result + text.slice(copied)
}

/** `my.db conn` becomes `MY_DB_CONN`; nothing else changes, so hyphens stay (facts §4.10). */
export function toEnvironmentName(name: string): string {
  return name.replaceAll(/[. ]/g, '_').toUpperCase()
}
