import { type EditorDocument, treeOf } from './document.ts'
import { valueAt } from './locate.ts'
import { sampleParameters } from './sample-parameters.ts'

const KINDS = ['stages', 'jobs', 'steps', 'variables'] as const

/**
 * The text of a pipeline that uses the document, when the document can only be a template: it has
 * parameters in the older form, or nothing but variables. Undefined for what may be a pipeline.
 */
export function templateHost(document: EditorDocument): string | undefined {
  const root = treeOf(document.file, document.text)
  const kind = KINDS.find((key) => valueAt(root, key))
  if (!kind || valueAt(root, 'extends') || document.file.includes('@')) return undefined
  const isOlder = valueAt(root, 'parameters')?.kind === 'mapping'
  if (!isOlder && kind !== 'variables') return undefined
  const reference = { template: `/${document.file}`, parameters: sampleParameters(document) }
  const rest = kind === 'variables' ? { steps: [{ script: 'true' }] } : {}
  // JSON is YAML, and needs no care for what a path may hold.
  return JSON.stringify({ [kind]: [reference], ...rest })
}
