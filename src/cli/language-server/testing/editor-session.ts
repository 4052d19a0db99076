import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  createProtocolConnection,
  type Diagnostic,
  type ProtocolConnection,
  PublishDiagnosticsNotification,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node'

/** An editor as the server sees it: the protocol's own client over the stdio of a real process. */
export interface EditorSession {
  readonly client: ProtocolConnection
  readonly capabilities: object
  uri(file: string): string
  open(file: string, text: string): Promise<void>
  /** Replaces from one offset of line and character to another. */
  change(file: string, range: Change): Promise<void>
  /** Resolves with the newest diagnostics of a file once they satisfy `wanted`. */
  diagnostics(
    file: string,
    wanted: (list: readonly Diagnostic[]) => boolean,
  ): Promise<readonly Diagnostic[]>
  /** The exit code after an orderly goodbye. */
  end(): Promise<number | null>
}

/** A stretch of one line and what takes its place. */
interface Change {
  readonly line: number
  readonly from: number
  readonly to: number
  readonly text: string
}

/** Starts the server for a folder. */
export async function startEditor(folder: string): Promise<EditorSession> {
  const entry = path.join(import.meta.dirname, 'entry.ts')
  const server = spawn(process.execPath, [entry], { stdio: ['pipe', 'pipe', 'inherit'] })
  const client = createProtocolConnection(
    new StreamMessageReader(server.stdout),
    new StreamMessageWriter(server.stdin),
  )
  const uri = (file: string) => pathToFileURL(path.join(folder, file)).href
  const published = collectDiagnostics(client)
  client.listen()
  const { capabilities } = await client.sendRequest<{ capabilities: object }>('initialize', {
    processId: process.pid,
    rootUri: pathToFileURL(folder).href,
    workspaceFolders: [{ uri: pathToFileURL(folder).href, name: 'folder' }],
    capabilities: {},
  })
  await client.sendNotification('initialized', {})
  let version = 0
  return {
    client,
    capabilities,
    uri,
    open: (file, text) =>
      client.sendNotification('textDocument/didOpen', {
        textDocument: { uri: uri(file), languageId: 'azure-pipelines', version: ++version, text },
      }),
    change: (file, { line, from, to, text }) =>
      client.sendNotification('textDocument/didChange', {
        textDocument: { uri: uri(file), version: ++version },
        contentChanges: [
          { range: { start: { line, character: from }, end: { line, character: to } }, text },
        ],
      }),
    diagnostics: (file, wanted) => published.until(uri(file), wanted),
    end: () => goodbye(client, server),
  }
}

function collectDiagnostics(client: ProtocolConnection) {
  const latest = new Map<string, readonly Diagnostic[]>()
  const waiting = new Set<() => void>()
  client.onNotification(PublishDiagnosticsNotification.type, ({ uri, diagnostics }) => {
    latest.set(uri, diagnostics)
    for (const look of waiting) look()
  })
  return {
    until: (uri: string, wanted: (list: readonly Diagnostic[]) => boolean) =>
      new Promise<readonly Diagnostic[]>((resolve) => {
        const look = () => {
          const list = latest.get(uri)
          if (!list || !wanted(list)) return
          waiting.delete(look)
          resolve(list)
        }
        waiting.add(look)
        look()
      }),
  }
}

async function goodbye(client: ProtocolConnection, server: ChildProcess): Promise<number | null> {
  const ended = once(server, 'exit')
  await client.sendRequest('shutdown')
  await client.sendNotification('exit')
  const [code] = (await ended) as [number | null]
  client.dispose()
  return code
}
