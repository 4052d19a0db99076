import { readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { writeFileDurably } from './data-directory.ts'
import type { Realism } from './settings.ts'

/** What `server.json` says of a running server. */
export interface Announcement {
  readonly pid: number
  readonly port: number
  readonly proxyPort: number
  readonly startedAtMs: number
  readonly version: string
  /** Absent: nothing of Azure's slowness is shown. */
  readonly realism?: Realism | undefined
}

/** Tells commands where the server is. */
export function announce(dataDirectory: string, announcement: Announcement): void {
  writeFileDurably(fileOf(dataDirectory), `${JSON.stringify(announcement)}\n`)
}

/** Takes the word back, unless another server has spoken since. */
export function withdraw(dataDirectory: string): void {
  try {
    const { pid } = JSON.parse(readFileSync(fileOf(dataDirectory), 'utf8')) as Announcement
    if (pid === process.pid) rmSync(fileOf(dataDirectory))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function fileOf(dataDirectory: string): string {
  return path.join(dataDirectory, 'server.json')
}
