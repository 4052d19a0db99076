import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Database, openSqlite } from '../database.ts'
import type { Engine } from '../dialect.ts'
import { openPostgres } from '../postgres.ts'
import { type PostgresCluster, startPostgres } from './postgres-cluster.ts'

/** Where one set of tables lies; each opening of it stands for another process. */
export interface DatabasePlace {
  open<Tables>(): Promise<Database<Tables>>
}

/** An engine that a suite runs on. */
export interface EngineUnderTest {
  readonly engine: Engine
  /** A place with nothing in it. */
  newPlace(): Promise<DatabasePlace>
}

/** Both engines, if PostgreSQL is there; `missing` says why it is not. */
export interface Engines {
  readonly all: readonly EngineUnderTest[]
  readonly cluster: PostgresCluster | undefined
  readonly missing: string | undefined
  stop(): Promise<void>
}

/** Starts what a test file needs to run its suite on both engines. */
export async function startEngines(): Promise<Engines> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-engines-'))
  let files = 0
  const sqlite: EngineUnderTest = {
    engine: 'sqlite',
    newPlace: async () => {
      files += 1
      const file = path.join(folder, `${files}.db`)
      return { open: async <Tables>() => openSqlite<Tables>(file) }
    },
  }
  const started = await startPostgres()
  const cluster = typeof started === 'string' ? undefined : started
  const all = cluster ? [sqlite, onCluster(cluster)] : [sqlite]
  return {
    all,
    cluster,
    missing: typeof started === 'string' ? started : undefined,
    stop: async () => {
      await cluster?.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function onCluster(cluster: PostgresCluster): EngineUnderTest {
  return {
    engine: 'postgres',
    newPlace: async () => {
      const url = await cluster.newDatabase()
      return { open: <Tables>() => openPostgres<Tables>(url) }
    },
  }
}
