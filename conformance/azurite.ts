import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { madeOnce, tryProgram } from './made-once.ts'

/** The package and its version. */
const PACKAGE = 'azurite@3.33.0'

/** What every installation of the emulator has; documented, and no secret. */
const ACCOUNT = 'devstoreaccount1'
const KEY =
  'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='

/** The vendor's storage emulator, on this machine. */
export interface Azurite {
  /** Of the container `backups`. */
  readonly container: string
  /** A token that may read, write and delete blobs. */
  readonly token: string
  /** A blob as anybody with the token reads it. */
  read(name: string): Promise<Buffer>
  stop(): void
}

/** Starts the emulator; undefined when it cannot be installed here. */
export async function startAzurite(): Promise<Azurite | undefined> {
  const program = await findAzurite()
  if (!program) return undefined
  const port = await freePort()
  const flags = ['--blobHost', '127.0.0.1', '--blobPort', String(port), '--silent']
  const child = spawn(
    process.execPath,
    [program, ...flags, '--inMemoryPersistence', '--skipApiVersionCheck'],
    { stdio: 'ignore' },
  )
  const origin = `http://127.0.0.1:${port}/${ACCOUNT}`
  await whenReady(child, `${origin}/backups?restype=container&${sign('c', 'rwdlac')}`)
  const token = sign('o', 'rwdc')
  return {
    container: `${origin}/backups`,
    token,
    read: async (name) => {
      const response = await fetch(`${origin}/backups/${name}?${token}`)
      return Buffer.from(await response.arrayBuffer())
    },
    stop: () => void child.kill(),
  }
}

async function findAzurite(): Promise<string | undefined> {
  const folder = await madeOnce(PACKAGE.replace('@', '-'), async (making) => {
    writeFileSync(path.join(making, 'package.json'), '{}')
    const args = ['install', '--no-audit', '--no-fund', '--loglevel', 'error', PACKAGE]
    return (await tryProgram('npm', args, { cwd: making })) !== undefined
  })
  return folder && path.join(folder, 'node_modules/azurite/dist/src/blob/main.js')
}

/** An account signature: for containers (`c`) or blobs (`o`). */
function sign(kind: 'c' | 'o', permissions: string): string {
  const version = '2020-08-04'
  const until = '2099-01-01T00:00:00Z'
  const lines = [ACCOUNT, permissions, 'b', kind, '', until, '', 'https,http', version, '']
  const signature = createHmac('sha256', Buffer.from(KEY, 'base64')).update(lines.join('\n'))
  return new URLSearchParams({
    sv: version,
    ss: 'b',
    srt: kind,
    sp: permissions,
    se: until,
    spr: 'https,http',
    sig: signature.digest('base64'),
  }).toString()
}

/** Makes the container, as soon as the emulator answers. */
async function whenReady(child: ChildProcess, url: string): Promise<void> {
  for (let tries = 0; tries < 300; tries += 1) {
    const answer = await fetch(url, { method: 'PUT' }).catch(() => undefined)
    if (answer?.status === 201) return
    if (answer || child.exitCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  child.kill()
  throw new Error('The storage emulator did not make a container.')
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}
