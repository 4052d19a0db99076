import {
  type Connection,
  createConnection,
  type InitializeResult,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver/node'
import { TextDocument } from 'vscode-languageserver-textdocument'
import {
  type CatalogueTask,
  completions,
  definition,
  type EditorDocument,
  hover,
  mayBePipeline,
} from '../../compiler/editor/index.ts'
import { createCompileCache } from '../../compiler/index.ts'
import { builtInTasks, type Task } from '../../tasks/index.ts'
import type { PipelineFile } from '../pipelines/pipeline-files.ts'
import { toCompletion, toProblem, toRange } from './convert.ts'
import { diagnose } from './diagnose.ts'
import { createWorkspace, type Workspace } from './workspace.ts'

/** How long the server waits for the next key before it compiles. */
const QUIET_MS = 150

/**
 * Serves one editor until it says goodbye or its stream ends; the process ends with it, with exit
 * code 0 after an orderly shutdown.
 */
export function serveEditor(
  input: NodeJS.ReadableStream,
  output: NodeJS.WritableStream,
): Promise<undefined> {
  const connection = createConnection(input, output)
  const documents = new TextDocuments(TextDocument)
  const workspace = createWorkspace(documents)
  connection.onInitialize(({ workspaceFolders, rootUri }): InitializeResult => {
    const roots = workspaceFolders?.map(({ uri }) => uri) ?? (rootUri ? [rootUri] : [])
    workspace.setFolders(roots)
    return {
      serverInfo: { name: 'sluice' },
      capabilities: {
        textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental },
        completionProvider: { triggerCharacters: [...'.:-({[@ ', "'"] },
        hoverProvider: true,
        definitionProvider: true,
      },
    }
  })
  answerQuestions(connection, documents, workspace)
  publishProblems(connection, documents, workspace)
  documents.listen(connection)
  connection.listen()
  return new Promise((resolve) => connection.onExit(() => resolve(undefined)))
}

interface Opened {
  readonly document: TextDocument
  readonly found: PipelineFile
  readonly view: EditorDocument
}

function answerQuestions(
  connection: Connection,
  documents: TextDocuments<TextDocument>,
  workspace: Workspace,
): void {
  const tasks = builtInTasks.map(toCatalogueTask)
  const open = (uri: string): Opened | undefined => {
    const document = documents.get(uri)
    const found = workspace.place(uri)
    if (!document || !found) return undefined
    const readFile = workspace.reader(found)
    const view = { file: found.file, text: document.getText(), tasks, readFile }
    return mayBePipeline(view) ? { document, found, view } : undefined
  }
  connection.onCompletion(({ textDocument, position }) => {
    const opened = open(textDocument.uri)
    if (!opened) return []
    const { document, view } = opened
    const items = completions(view, document.offsetAt(position))
    return items.map((item, order) => toCompletion(item, document, order))
  })
  connection.onHover(({ textDocument, position }) => {
    const opened = open(textDocument.uri)
    const found = opened && hover(opened.view, opened.document.offsetAt(position))
    if (!opened || !found) return null
    const { document } = opened
    const range = { start: document.positionAt(found.start), end: document.positionAt(found.end) }
    return { contents: { kind: 'markdown', value: found.text }, range }
  })
  connection.onDefinition(({ textDocument, position }) => {
    const opened = open(textDocument.uri)
    if (!opened) return []
    const { document, found, view } = opened
    return definition(view, document.offsetAt(position)).flatMap((place) => {
      const uri = workspace.uriOf(found, place.file)
      return uri === undefined ? [] : [{ uri, range: toRange(place) }]
    })
  })
}

/** Compiles when typing pauses, and takes problems back from files that have none any more. */
function publishProblems(
  connection: Connection,
  documents: TextDocuments<TextDocument>,
  workspace: Workspace,
): void {
  const cache = createCompileCache()
  let published: ReadonlySet<string> = new Set()
  let timer: NodeJS.Timeout | undefined
  const publish = () => {
    const problems = diagnose(documents.keys(), workspace, cache)
    const empty = [...published]
      .filter((uri) => !problems.has(uri))
      .map((uri) => [uri, []] as const)
    for (const [uri, diagnostics] of [...problems, ...empty]) {
      // Sending fails only when the editor is gone, and then the process ends.
      void connection.sendDiagnostics({ uri, diagnostics: diagnostics.map(toProblem) })
    }
    published = new Set([...problems].flatMap(([uri, list]) => (list.length > 0 ? [uri] : [])))
  }
  const schedule = () => {
    clearTimeout(timer)
    timer = setTimeout(publish, QUIET_MS)
  }
  documents.onDidChangeContent(schedule)
  documents.onDidClose(schedule)
}

/** A built-in task as the compiler's editor functions want it. */
function toCatalogueTask(task: Task): CatalogueTask {
  const { name, version, friendlyName, description, inputs } = task
  return { name, major: Number.parseInt(version, 10), friendlyName, description, inputs }
}
