import type { Token } from '../text/token.ts'
import { type EditorDocument, treeOf } from './document.ts'
import type { Level, Located } from './locate.ts'
import { jobsOf, type Outline, type OutlineStage, outlineOf } from './outline.ts'
import { openTemplate } from './template-files.ts'
import { type VisibleVariables, visibleVariables } from './variables.ts'

/** A document as it is seen from one place. */
export interface View {
  readonly document: EditorDocument
  readonly outline: Outline
  /** The nodes from the root to the place; empty where there is no tree. */
  readonly levels: readonly Level[]
  readonly variables: VisibleVariables
  /** The stage and the job around the place. */
  readonly stage: OutlineStage | undefined
  readonly job: Token | undefined
}

/** Looks at a document from a place; without one only what the whole file declares is seen. */
export function viewFrom(
  document: EditorDocument,
  root: Token | undefined,
  at: Located | undefined,
): View {
  const outline = outlineOf(root ?? treeOf(document.file, document.text))
  const levels = at?.levels ?? []
  const stageToken = levels.findLast(({ name }) => name === 'ordinaryStage')?.token
  return {
    document,
    outline,
    levels,
    variables: visibleVariables(levels, (reference, from) =>
      openTemplate(document, reference, from),
    ),
    stage: outline.stages.find(({ token }) => token === stageToken),
    job: levels.findLast(({ name }) => name === 'ordinaryJob' || name === 'deploymentJob')?.token,
  }
}

/** The jobs beside the place: of its stage, or of a file without stages. */
export function jobsAround({ stage, outline, levels }: View): Outline['jobs'] {
  if (stage) return stage.jobs
  const stageToken = levels.findLast(({ name }) => name === 'ordinaryStage')?.token
  return stageToken ? jobsOf(stageToken) : outline.jobs
}
