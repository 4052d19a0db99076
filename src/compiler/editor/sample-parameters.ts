import { type EditorDocument, treeOf } from './document.ts'
import { allItems, scalarOf, valueAt } from './locate.ts'
import { parametersOf } from './outline.ts'

/**
 * Values for parameters that have no default, as text: nobody has chosen them while a file is being
 * written, and the lack of them is no mistake in it. The first allowed value, else an empty one.
 */
export function sampleParameters({ file, text }: EditorDocument): Readonly<Record<string, string>> {
  const rows = parametersOf(treeOf(file, text)).flatMap(({ name, token }) => {
    if (token.kind !== 'mapping' || valueAt(token, 'default')) return []
    const [first] = allItems(valueAt(token, 'values'))
    if (first?.kind === 'scalar') return [[name, first.text] as const]
    return [[name, sampleOf(scalarOf(token, 'type')?.text.toLowerCase() ?? '')] as const]
  })
  return Object.fromEntries(rows)
}

function sampleOf(type: string): string {
  if (type === 'number') return '0'
  if (type === 'boolean') return 'false'
  if (type.endsWith('list')) return '[]'
  return type === 'object' ? '{}' : 'value'
}
