import { fault } from '../faults.ts'

/** The format of a pipeline without `name:`. */
export const DEFAULT_RUN_NUMBER = '$(Date:yyyyMMdd).$(Rev:r)'

/** What the tokens of a run number stand for. */
export interface RunNumberFacts {
  readonly nowMs: number
  readonly runId: number
  readonly pipelineName: string
  readonly projectName: string
  readonly sourceBranchName: string
  /** A variable's public value by name; undefined leaves the macro as it is. */
  readonly variable: (name: string) => string | undefined
}

/** A number whose counter is still open. */
export interface OpenRunNumber {
  /** What the counter counts: the rest of the text. */
  readonly prefix: string
  /** The run number; `revision` counts from 1 and is asked for only when the format has `Rev`. */
  readonly complete: (revision: number) => string
  readonly hasRevision: boolean
}

const REVISION_MARK = '\u0000'

/**
 * Fills the tokens of `name:` (facts: pipelines §4.13), all but the counter.
 *
 * @throws Fault `PipelineWrong` when the number has forbidden characters or more than 255
 */
export function openRunNumber(format: string, facts: RunNumberFacts): OpenRunNumber {
  let width = 0
  const text = format.replaceAll(/\$\(([^()]+)\)/g, (whole, token: string) => {
    const [, dot = '', places] = /^rev:(\.?)(r+)$/i.exec(token) ?? []
    if (places !== undefined) {
      width = places.length
      return dot + REVISION_MARK
    }
    return tokenValue(token, facts) ?? whole
  })
  return {
    prefix: text.replaceAll(REVISION_MARK, '$(Rev)'),
    hasRevision: width > 0,
    complete: (revision) =>
      checked(text.replaceAll(REVISION_MARK, String(revision).padStart(width, '0'))),
  }
}

function tokenValue(token: string, facts: RunNumberFacts): string | undefined {
  const [name = '', argument] = token.split(/:(.*)/s, 2)
  const now = new Date(facts.nowMs)
  switch (name.toLowerCase()) {
    case 'builddefinitionname':
      return facts.pipelineName
    case 'buildid':
      return String(facts.runId)
    case 'dayofmonth':
      return String(now.getUTCDate())
    case 'dayofyear':
      return String(dayOfYear(now))
    case 'hours':
      return formatDate(now, 'HH')
    case 'minutes':
      return formatDate(now, 'mm')
    case 'seconds':
      return formatDate(now, 'ss')
    case 'month':
      return formatDate(now, 'MM')
    case 'year':
      return formatDate(now, argument ?? 'yyyy')
    case 'date':
      return formatDate(now, argument ?? 'yyyyMMdd')
    case 'sourcebranchname':
    case 'build.sourcebranchname':
      return facts.sourceBranchName.replaceAll('/', '_')
    case 'teamproject':
      return facts.projectName
    default:
      return facts.variable(token)?.replaceAll('/', '_')
  }
}

function dayOfYear(now: Date): number {
  return Math.floor((now.getTime() - Date.UTC(now.getUTCFullYear(), 0, 1)) / 86_400_000) + 1
}

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const

/** The .NET custom date patterns that run numbers use, in UTC; other characters stand for themselves. */
function formatDate(now: Date, pattern: string): string {
  return pattern.replaceAll(/y{1,4}|M{1,4}|d{1,4}|H{1,2}|h{1,2}|m{1,2}|s{1,2}|f{1,3}/g, (part) => {
    const padded = (value: number) => String(value).padStart(part.length, '0')
    switch (part[0]) {
      case 'y':
        return part.length > 2 ? padded(now.getUTCFullYear()) : padded(now.getUTCFullYear() % 100)
      case 'M': {
        const month = MONTHS[now.getUTCMonth()] ?? ''
        if (part.length > 2) return part.length === 3 ? month.slice(0, 3) : month
        return padded(now.getUTCMonth() + 1)
      }
      case 'd': {
        const day = DAYS[now.getUTCDay()] ?? ''
        if (part.length > 2) return part.length === 3 ? day.slice(0, 3) : day
        return padded(now.getUTCDate())
      }
      case 'H':
        return padded(now.getUTCHours())
      case 'h':
        return padded(now.getUTCHours() % 12 || 12)
      case 'm':
        return padded(now.getUTCMinutes())
      case 's':
        return padded(now.getUTCSeconds())
      default:
        return String(now.getUTCMilliseconds()).padStart(3, '0').slice(0, part.length)
    }
  })
}

const MAX_LENGTH = 255

function checked(text: string): string {
  if (text.length > MAX_LENGTH) {
    throw fault(
      'PipelineWrong',
      `The build number format gives a number of ${text.length} characters; at most ${MAX_LENGTH} are allowed. Shorten 'name:'.`,
    )
  }
  const wrong = /["/:<>\\|?@*]/.exec(text)
  if (wrong || text.endsWith('.') || text.trim() === '') {
    throw fault(
      'PipelineWrong',
      `The build number '${text}' is not valid: it must not be empty, end with '.', or contain '"', '/', ':', '<', '>', '\\', '|', '?', '@' or '*'. Correct 'name:'.`,
    )
  }
  return text
}
