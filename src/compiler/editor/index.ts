/*
 * The language for editors: functions over a text and a position, for text that is still being typed.
 * cursor makes the text readable at the cursor; locate finds the node there and its grammar shape;
 * outline and variables read the names a file declares; view is all of it as seen from one place.
 * completions offers what may be written, symbol tells what stands somewhere, and hover and
 * definition explain it. Diagnostics come from `compile`.
 */
export type { CompletionItem, CompletionKind } from './completion.ts'
export { completions } from './completions.ts'
export { definition } from './definition.ts'
export type { CatalogueInput, CatalogueTask, EditorDocument, Position } from './document.ts'
export { type Hover, hover } from './hover.ts'
export { mayBePipeline } from './recognise.ts'
export { sampleParameters } from './sample-parameters.ts'
export { templateHost } from './template-host.ts'
