import type { Place } from '../diagnostic.ts'
import { treeOf } from '../editor/document.ts'
import { entriesOf, type Level, locate } from '../editor/locate.ts'
import { placeOf } from '../text/source.ts'
import type { Entry, Token } from '../text/token.ts'

/** Where a key of a stage, job or step is written. */
interface Written {
  readonly place: Place
  /** The value as it stands in the file, when it is one text. */
  readonly text: string | undefined
  /** The words for where it stands, when not in the thing itself but around it. */
  readonly inheritedFrom: string | undefined
}

/** What a file says about a key: where it is written, or the service's default. */
export interface KeySource {
  readonly written: Written | undefined
  readonly standard: string | undefined
}

/** Finds `keys`, one below the other, in the mapping that begins at `place` of `text`. */
export function sourceOf(place: Place, keys: readonly string[], text: string): KeySource {
  const levels = levelsAt(place, text)
  const [first = ''] = keys
  const own = levels.at(-1)
  const { shape } = own ?? {}
  const row =
    shape?.kind === 'object' && Object.hasOwn(shape.keys, first) ? shape.keys[first] : undefined
  return { written: findWritten(levels, keys), standard: row?.default }
}

function levelsAt({ file, line, column }: Place, text: string): readonly Level[] {
  const lines = text.split('\n')
  const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1
  const { levels = [] } = locate(treeOf(file, text), start) ?? {}
  const at = levels.findLastIndex(({ token }) => token.kind === 'mapping' && token.start === start)
  return levels.slice(0, at + 1)
}

/** A pool that a job does not name is its stage's or the pipeline's. */
const INHERITED = 'pool'

const OWNERS: Readonly<Record<string, string>> = {
  pipeline: 'the pipeline',
  ordinaryStage: 'its stage',
}

function findWritten(levels: readonly Level[], keys: readonly string[]): Written | undefined {
  for (const [i, level] of [...levels].reverse().entries()) {
    if (i > 0 && keys[0] !== INHERITED) return undefined
    const entry = entryAt(level.token, keys)
    if (entry) {
      const { source, start, end } = entry.value
      const inheritedFrom = i === 0 ? undefined : OWNERS[level.name ?? '']
      const text = entry.value.kind === 'scalar' ? source.text.slice(start, end) : undefined
      return { place: placeOf(entry.key), text, inheritedFrom }
    }
  }
  return undefined
}

function entryAt(token: Token, [key, ...rest]: readonly string[]): Entry | undefined {
  const entry = entriesOf(token).find((one) => one.key.text.toLowerCase() === key?.toLowerCase())
  return entry && rest.length > 0 ? (entryAt(entry.value, rest) ?? entry) : entry
}
