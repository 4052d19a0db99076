import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Session } from '../postgres-driver.ts'

/** A PostgreSQL of a test file's own, with nothing in it. */
export interface PostgresCluster {
  /** Creates an empty schema and gives the address of a database that consists of it. */
  newDatabase(): Promise<string>
  /** The address of the cluster as its owner. */
  readonly url: string
  /** Ends it as a crash does, and starts it again. */
  restart(): Promise<void>
  /** Ends all processes and removes all files. */
  stop(): Promise<void>
}

const INSTALL = 'apt-get install --yes postgresql'

/**
 * Starts a cluster in a temporary folder, on a Unix socket only. Its programs are looked for, and
 * installed when that may be done.
 *
 * @returns the reason why there is none, when there is none
 */
export async function startPostgres(): Promise<PostgresCluster | string> {
  const programs = findPrograms() ?? installPrograms()
  if (!programs) {
    return `PostgreSQL's initdb is not installed: run "${INSTALL}" as root, or put it into PATH`
  }
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-pg-'))
  // PostgreSQL refuses to run as root.
  const owner = process.getuid?.() === 0 ? unprivileged() : undefined
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const how = { cwd: folder, env: { ...process.env, LC_ALL: 'C' }, ...owner }
  const data = path.join(folder, 'data')
  const make = ['-D', data, '-U', 'sluice', '-A', 'trust', '-E', 'UTF8', '--no-sync']
  try {
    // Names must sort by their bytes whatever the language of the database is.
    const language = ['--locale-provider=icu', '--icu-locale=en-US', '--locale=C.UTF-8']
    execFileSync(path.join(programs, 'initdb'), [...make, ...language], { ...how, stdio: 'pipe' })
  } catch {
    rmSync(data, { recursive: true, force: true })
    execFileSync(path.join(programs, 'initdb'), [...make, '--locale=C'], { ...how, stdio: 'pipe' })
  }
  const options = ['-D', data, '-k', folder, '-h', '', '-c', 'max_connections=400']
  const start = async () => {
    const process = spawn(path.join(programs, 'postgres'), options, { ...how, stdio: 'pipe' })
    await ready(process)
    return process
  }
  let server = await start()
  const url = `postgres://sluice@localhost/postgres?host=${encodeURIComponent(folder)}`
  return {
    url,
    newDatabase: () => openSchema(url, `s${crypto.randomUUID().replaceAll('-', '')}`),
    restart: async () => {
      await end(server)
      server = await start()
    },
    stop: async () => {
      await end(server)
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Immediately: it asks nobody to finish, and leaves no child behind. */
async function end(server: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => server.once('exit', resolve))
  server.kill('SIGQUIT')
  await ended
}

function findPrograms(): string | undefined {
  const searched = (process.env['PATH'] ?? '').split(path.delimiter)
  const installed = globSync('/usr/lib/postgresql/*/bin').sort().reverse()
  const has = (folder: string) =>
    ['initdb', 'postgres'].every((name) => existsSync(path.join(folder, name)))
  return [...installed, ...searched].find(has)
}

function installPrograms(): string | undefined {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return undefined
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  try {
    // Several test files may try at once.
    const wait = ['-o', 'DPkg::Lock::Timeout=120']
    execFileSync('apt-get', [...wait, ...INSTALL.split(' ').slice(1)], { env, stdio: 'pipe' })
  } catch {
    return undefined
  }
  return findPrograms()
}

function unprivileged(): { uid: number; gid: number } {
  const idOf = (flag: string, user: string) =>
    Number(execFileSync('id', [flag, user], { stdio: 'pipe' }).toString())
  try {
    return { uid: idOf('-u', 'postgres'), gid: idOf('-g', 'postgres') }
  } catch {
    return { uid: idOf('-u', 'nobody'), gid: idOf('-g', 'nobody') }
  }
}

/** The server says in its log when it takes connections. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    server.on('error', reject)
    server.on('exit', () => reject(new Error(`PostgreSQL has ended: ${log}`)))
    server.stderr?.on('data', (chunk: Buffer) => {
      log = (log + chunk.toString()).slice(-4_000)
      if (log.includes('ready to accept connections')) resolve()
    })
    server.stdout?.resume()
  })
}

/** The address of a database that consists of this schema, which is made when it is absent. */
export async function openSchema(url: string, schema: string): Promise<string> {
  const session = await Session.open(
    url,
    `begin; select pg_advisory_xact_lock(1); create schema if not exists ${schema}; commit`,
  )
  await session.close()
  const joint = url.includes('?') ? '&' : '?'
  return `${url}${joint}options=${encodeURIComponent(`-csearch_path=${schema}`)}`
}
