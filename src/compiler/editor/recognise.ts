import { type EditorDocument, treeOf } from './document.ts'
import { entriesOf } from './locate.ts'

/** Root keys that other files of the same language seldom have. */
const KEYS: ReadonlySet<string> = new Set([
  'extends',
  'jobs',
  'parameters',
  'phases',
  'pool',
  'pr',
  'resources',
  'schedules',
  'stages',
  'steps',
  'trigger',
  'variables',
])

/**
 * True for text that may be a pipeline or template, so that an editor leaves other YAML alone: by the
 * file's name, by a key at the root, or because nothing is written yet.
 */
export function mayBePipeline({ file, text }: EditorDocument): boolean {
  if (/(^|\/)azure-pipelines[^/]*$/i.test(file)) return true
  if (/(^|\/)\.github\//.test(file)) return false
  const root = treeOf(file, text)
  if (root?.kind === 'sequence') return false
  if (root?.kind !== 'mapping') return true
  return entriesOf(root).some(({ key }) => KEYS.has(key.text))
}
