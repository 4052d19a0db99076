import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { newGuid } from '../../base/ids.ts'

/** The longest path a local socket can have everywhere. */
const MAX_SOCKET_PATH = 100

/** A pipe whose one end a child gets for both its output streams, so that their order is kept. */
export interface JoinedPipe {
  readonly parentEnd: Socket
  /** Destroy it once the child has it. */
  readonly childEnd: Socket
}

/**
 * Makes a joined pipe; its name is in `folder` only for a moment. Undefined where there can be none:
 * on Windows, and below a folder with a very long path.
 */
export async function openJoinedPipe(folder: string): Promise<JoinedPipe | undefined> {
  const name = path.join(folder, newGuid().slice(0, 8))
  if (process.platform === 'win32' || name.length > MAX_SOCKET_PATH) return undefined
  const server = createServer()
  try {
    server.listen(name)
    await once(server, 'listening')
    const accepted = once(server, 'connection')
    const childEnd = connect(name)
    await once(childEnd, 'connect')
    const [parentEnd] = (await accepted) as [Socket]
    return { parentEnd, childEnd }
  } finally {
    server.close()
    rmSync(name, { force: true })
  }
}
