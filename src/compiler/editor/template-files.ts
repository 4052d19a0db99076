import type { Token } from '../text/token.ts'
import { type EditorDocument, treeOf } from './document.ts'

/** A template file by repository (`self` or an alias) and path. */
export interface TemplateFile {
  readonly repository: string
  readonly path: string
}

/** The file that a `template:` value means; undefined when its path leads out of the repository. */
function templateFile(reference: string, from: TemplateFile): TemplateFile | undefined {
  const split = reference.lastIndexOf('@')
  const alias = split < 0 ? from.repository : reference.slice(split + 1).trim()
  const repository = alias.toLowerCase() === 'self' ? 'self' : alias
  const written = (split < 0 ? reference : reference.slice(0, split)).trim().replaceAll('\\', '/')
  const isRooted = written.startsWith('/') || repository !== from.repository
  const parts = isRooted ? [] : from.path.split('/').slice(0, -1)
  for (const part of written.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  return { repository, path: parts.join('/') }
}

/** A template that could be read. */
export interface OpenTemplate {
  /** Its tokens' file is `path`, or `path@alias` when not self. */
  readonly root: Token | undefined
  readonly file: TemplateFile
}

/** Reads the template that a `template:` value of `from` means. */
export function openTemplate(
  document: EditorDocument,
  reference: string,
  from: TemplateFile = ownFile(document),
): OpenTemplate | undefined {
  if (reference.includes('${{')) return undefined
  const file = templateFile(reference, from)
  if (!file) return undefined
  const text = document.readFile?.(file.repository, file.path)
  return text === undefined ? undefined : { root: treeOf(nameOf(file), text), file }
}

/** The document itself. An editor opens files of the pipeline's own repository. */
function ownFile({ file }: EditorDocument): TemplateFile {
  return { repository: 'self', path: file }
}

/** `path` for the pipeline's own repository, `path@alias` for others. */
export function nameOf(file: TemplateFile): string {
  return file.repository === 'self' ? file.path : `${file.path}@${file.repository}`
}
