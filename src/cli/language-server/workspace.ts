import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { TextDocument } from 'vscode-languageserver-textdocument'
import { type PipelineFile, pipelineFile, readerOf } from '../pipelines/pipeline-files.ts'

/** The documents an editor has open. */
export interface OpenDocuments {
  all(): readonly TextDocument[]
}

/** Which files belong together, and what is in them: open documents first, then the disk. */
export interface Workspace {
  /** Where a document lies; undefined for one that is no file. */
  place(uri: string): PipelineFile | undefined
  /** Reads beside `found`, never outside of its root. */
  reader(found: PipelineFile): (repository: string, file: string) => string | undefined
  /** The URI of a file by its name in diagnostics; undefined for other repositories. */
  uriOf(found: PipelineFile, file: string): string | undefined
  /** The folders that the editor has opened; they count where there is no Git repository. */
  setFolders(uris: readonly string[]): void
}

/** A workspace over the open documents. */
export function createWorkspace(documents: OpenDocuments): Workspace {
  let folders: readonly string[] = []
  // An editor may write a URI in another way than we do; the path is what counts.
  const openAt = (absolute: string) => documents.all().find(({ uri }) => toPath(uri) === absolute)
  const uriOf = (found: PipelineFile, file: string) => {
    const absolute = path.join(found.root, file)
    const open = openAt(absolute)
    if (open) return open.uri
    const isElsewhere = file.includes('@') && readerOf(found)('self', file) === undefined
    return isElsewhere ? undefined : pathToFileURL(absolute).href
  }
  return {
    uriOf,
    setFolders(uris) {
      folders = uris.flatMap((uri) => toPath(uri) ?? [])
    },
    place(uri) {
      const absolute = toPath(uri)
      if (absolute === undefined) return undefined
      const around = folders
        .filter((folder) => absolute.startsWith(folder + path.sep))
        .sort((a, b) => b.length - a.length)
      return pipelineFile(absolute, around[0] ?? path.dirname(absolute))
    },
    reader(found) {
      const read = readerOf(found)
      return (repository, file) => {
        if (repository !== 'self') return undefined
        const document = openAt(path.join(found.root, file))
        return document ? document.getText() : read(repository, file)
      }
    },
  }
}

function toPath(uri: string): string | undefined {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : undefined
  } catch {
    return undefined
  }
}
