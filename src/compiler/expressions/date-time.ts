const MINUTE_MS = 60_000

/** A moment with the offset it is written in, for example `pipeline.startTime`. */
export class DateTime {
  /** Milliseconds since the epoch. */
  readonly epochMs: number
  /** Minutes ahead of UTC; the text shows the wall time there. */
  readonly offsetMinutes: number

  constructor(epochMs: number, offsetMinutes = 0) {
    this.epochMs = epochMs
    this.offsetMinutes = offsetMinutes
  }

  /** `yyyy-MM-dd HH:mm:sszzz`, the form of the String cast. */
  toString(): string {
    return formatDateTime(this, 'yyyy-MM-dd HH:mm:sszzz') ?? ''
  }

  toJSON(): string {
    return this.toString()
  }
}

/** What each run of letters in a format prints; a run that has no row makes the format invalid. */
const SPECIFIERS: Readonly<Record<string, (wall: Date, moment: DateTime) => string>> = {
  yyyy: (wall) => digits(wall.getUTCFullYear(), 4),
  yy: (wall) => digits(wall.getUTCFullYear() % 100, 2),
  MM: (wall) => digits(wall.getUTCMonth() + 1, 2),
  M: (wall) => digits(wall.getUTCMonth() + 1, 1),
  dd: (wall) => digits(wall.getUTCDate(), 2),
  d: (wall) => digits(wall.getUTCDate(), 1),
  HH: (wall) => digits(wall.getUTCHours(), 2),
  H: (wall) => digits(wall.getUTCHours(), 1),
  mm: (wall) => digits(wall.getUTCMinutes(), 2),
  m: (wall) => digits(wall.getUTCMinutes(), 1),
  ss: (wall) => digits(wall.getUTCSeconds(), 2),
  s: (wall) => digits(wall.getUTCSeconds(), 1),
  f: (wall) => fraction(wall, 1),
  ff: (wall) => fraction(wall, 2),
  fff: (wall) => fraction(wall, 3),
  ffff: (wall) => fraction(wall, 4),
  fffff: (wall) => fraction(wall, 5),
  ffffff: (wall) => fraction(wall, 6),
  fffffff: (wall) => fraction(wall, 7),
  zzz: (_, moment) => offset(moment),
  K: (_, moment) => offset(moment),
}

/**
 * Writes the moment by a format of `yyyy yy MM M dd d HH H mm m ss s f…fffffff zzz K`; a backslash
 * keeps the next character, other characters than letters stay. Undefined for an unknown specifier.
 */
export function formatDateTime(moment: DateTime, format: string): string | undefined {
  const wall = new Date(moment.epochMs + moment.offsetMinutes * MINUTE_MS)
  let text = ''
  let at = 0
  while (at < format.length) {
    const char = format.charAt(at)
    if (char === '\\') {
      if (at + 1 >= format.length) return undefined
      text += format.charAt(at + 1)
      at += 2
    } else if (/[A-Za-z]/.test(char)) {
      let end = at + 1
      while (format[end] === char) end++
      const run = format.slice(at, end)
      if (!Object.hasOwn(SPECIFIERS, run)) return undefined
      text += SPECIFIERS[run]?.(wall, moment) ?? ''
      at = end
    } else {
      text += char
      at++
    }
  }
  return text
}

function digits(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

function fraction(wall: Date, width: number): string {
  return digits(wall.getUTCMilliseconds(), 3).padEnd(7, '0').slice(0, width)
}

function offset(moment: DateTime): string {
  const minutes = Math.abs(moment.offsetMinutes)
  const sign = moment.offsetMinutes < 0 ? '-' : '+'
  return `${sign}${digits(Math.trunc(minutes / 60), 2)}:${digits(minutes % 60, 2)}`
}
