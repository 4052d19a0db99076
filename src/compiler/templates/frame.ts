import type { Value } from '../expressions/index.ts'
import type { Source } from '../text/source.ts'
import type { VariableScope } from './variable-scope.ts'

/** The file a token stands in, for resolving the paths of its templates. */
export interface FileOrigin {
  /** `self` or the alias of a repository resource. */
  readonly repository: string
  readonly path: string
  readonly source: Source
}

/** What expressions of one file see at one place. */
export interface Frame {
  readonly origin: FileOrigin
  readonly parameters: Value
  /** Names of the declared parameters; undefined when any name may be read (the older form). */
  readonly declared: ReadonlyMap<string, string> | undefined
  readonly variables: VariableScope
  /** Loop variables by name. */
  readonly loops: Readonly<Record<string, Value>>
  readonly loopNames: ReadonlySet<string>
  /** Templates around this one, the root not counted. */
  readonly depth: number
}

/** The frame inside of one round of a loop; names compare without case. */
export function withLoop(frame: Frame, name: string, value: Value): Frame {
  const folded = name.toLowerCase()
  const { loopNames } = frame
  return {
    ...frame,
    loops: { ...frame.loops, [folded]: value },
    loopNames: loopNames.has(folded) ? loopNames : new Set([...loopNames, folded]),
  }
}
