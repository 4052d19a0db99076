/** What kind of thing a completion is; an editor picks its picture. */
export type CompletionKind =
  | 'key'
  | 'value'
  | 'task'
  | 'input'
  | 'function'
  | 'context'
  | 'variable'
  | 'parameter'
  | 'reference'
  | 'word'

/** One proposal. */
export interface CompletionItem {
  readonly label: string
  readonly kind: CompletionKind
  /** A short note beside the label, for example `required`. */
  readonly detail?: string
  readonly docs?: string
  /** What is put in place of the text from `start` to `end`, offsets into the document. */
  readonly insert: string
  readonly start: number
  readonly end: number
}

/** A proposal before it knows what it replaces. */
export type Proposal = Omit<CompletionItem, 'start' | 'end' | 'insert'> & {
  /** The label unless told. */
  readonly insert?: string
}

/** Proposals that all replace the same stretch; the first of each label is kept. */
export function replacing(
  proposals: readonly Proposal[],
  start: number,
  end: number,
): readonly CompletionItem[] {
  const labels = new Set<string>()
  return proposals.flatMap((proposal) => {
    if (labels.has(proposal.label)) return []
    labels.add(proposal.label)
    return [{ insert: proposal.label, ...proposal, start, end }]
  })
}
