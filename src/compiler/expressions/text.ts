/**
 * The form in which text compares without case: every character in its one-to-one upper case, so
 * that the length stays. Characters outside ASCII never become ASCII (`ı` is not `I`).
 */
export function foldCase(text: string): string {
  return mapCase(text, (char) => char.toUpperCase())
}

/** Upper case, character by character: `ß` has no single upper form and stays. */
export function toUpper(text: string): string {
  return foldCase(text)
}

/** Lower case, character by character, so that the length stays. */
export function toLower(text: string): string {
  return mapCase(text, (char) => char.toLowerCase())
}

/**
 * What whole-text mapping gets wrong without changing the length: `ı`, `ſ` and the Kelvin sign become
 * ASCII, and a `Σ` at the end of a word has a lower case of its own. All else that is odd gets longer.
 */
const ODD_CASES = /[\u0131\u017f\u212a\u03a3]/

function mapCase(text: string, map: (char: string) => string): string {
  const mapped = map(text)
  if (mapped.length === text.length && !ODD_CASES.test(text)) return mapped
  let result = ''
  for (const char of text) {
    const other = map(char)
    const fits = other.length === char.length && (isAscii(char) || !isAscii(other))
    result += fits ? other : char
  }
  return result
}

function isAscii(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range is exactly ASCII
  return /^[\x00-\x7f]*$/.test(text)
}

/** Negative, zero or positive by UTF-16 units, ignoring case. */
export function compareText(left: string, right: string): number {
  const a = foldCase(left)
  const b = foldCase(right)
  return a < b ? -1 : Number(a > b)
}

/** Shorter patterns cost at most this many steps a character in the engine's own search. */
const SHORT_PATTERN = 64

/**
 * The first `most` places where `part` (not empty) occurs, left to right, none overlapping. The time
 * is linear in both lengths: the engine's own search is quadratic for long repetitive patterns
 * (4 s for 20 000 characters in 1 000 000), which hostile text can bring.
 */
export function placesOf(text: string, part: string, most = Number.POSITIVE_INFINITY): number[] {
  const places: number[] = []
  if (part.length <= SHORT_PATTERN) {
    let at = text.indexOf(part)
    while (at >= 0 && places.length < most) {
      places.push(at)
      at = text.indexOf(part, at + part.length)
    }
    return places
  }
  const borders = bordersOf(part)
  let matched = 0
  for (let at = 0; at < text.length && places.length < most; at++) {
    const unit = text.charCodeAt(at)
    while (matched > 0 && part.charCodeAt(matched) !== unit) matched = borders[matched - 1] ?? 0
    if (part.charCodeAt(matched) === unit) matched++
    if (matched === part.length) {
      places.push(at - part.length + 1)
      matched = 0
    }
  }
  return places
}

/** True when `part` occurs in `text`, case and all; empty text occurs everywhere. */
export function includesText(text: string, part: string): boolean {
  return part === '' || placesOf(text, part, 1).length > 0
}

/** For each prefix the length of its longest proper border (Knuth, Morris and Pratt). */
function bordersOf(part: string): Int32Array {
  const borders = new Int32Array(part.length)
  let length = 0
  for (let at = 1; at < part.length; at++) {
    while (length > 0 && part.charCodeAt(at) !== part.charCodeAt(length)) {
      length = borders[length - 1] ?? 0
    }
    if (part.charCodeAt(at) === part.charCodeAt(length)) length++
    borders[at] = length
  }
  return borders
}
