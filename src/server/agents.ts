import type { AgentSettings } from '../agent/index.ts'
import { systemClock } from '../base/clock.ts'
import {
  clientEnvironment,
  openCa,
  openLocalClient,
  writeBundle,
  writeTrustStore,
} from '../network/index.ts'
import { kysely } from '../storage/kysely.ts'
import type { Estate } from './compose.ts'
import type { ServerSettings } from './settings.ts'
import { isAlive, makeWorkFolder, removeWorkFolder } from './work-folder.ts'

interface Ports {
  readonly port: number
  readonly proxyPort: number | undefined
}

/** Agents in this process. */
export interface Agents {
  /** Rejects when they could not start; that is told to `onFailure` as well. */
  readonly ready: Promise<void>
  /** Cancels their jobs and ends when the last one is over. */
  stop(): Promise<void>
}

/**
 * Agents in this process. They reach every service the way a stranger does: by TLS and with tokens.
 * Their folder is made now; their code is loaded when the server has said that it is ready.
 */
export function startAgents(
  settings: ServerSettings,
  estate: Estate,
  ports: Ports,
  onFailure: (error: unknown) => void,
): Agents {
  const workFolder = makeWorkFolder(settings.dataDirectory)
  const { http, environment } = connect(estate, settings.dataDirectory, ports)
  const stop = new AbortController()
  let running: Promise<void> | undefined
  const start = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    if (stop.signal.aborted) return
    const { runAgent } = await import('../agent/index.ts')
    const { builtInTasks } = await import('../tasks/index.ts')
    if (stop.signal.aborted) return
    await recover(estate)
    if (stop.signal.aborted) return
    const agent: AgentSettings = {
      name: agentName(),
      workFolder,
      privateFolder: settings.dataDirectory,
      tasks: builtInTasks,
      http,
      clock: systemClock,
      onFailure,
      maxParallel: settings.agents,
      environment,
    }
    const isReserved = settings.ownRunsOnly === true
    const api = (await estate.devops()).agentApi(agent.name, { isReserved })
    running = runAgent(api, agent, stop.signal)
    // The first request that builds a query shall not wait for the builder's files.
    kysely()
  }
  const ready = start()
  ready.catch(onFailure)
  return {
    ready,
    stop: async () => {
      stop.abort()
      await ready.catch(() => undefined)
      await running
      http.close()
      removeWorkFolder(workFolder)
    },
  }
}

/** How jobs reach this server, and what their steps' programs are told of it. */
function connect(estate: Estate, dataDirectory: string, { port, proxyPort }: Ports) {
  const ca = openCa(dataDirectory)
  const http = openLocalClient({ listenerPort: port, caPem: ca.pem })
  const inherited = inheritedEnvironment(estate)
  const bundleFile = writeBundle(dataDirectory, ca.pem)
  if (proxyPort === undefined) return { http, environment: inherited }
  const trustStoreFile = writeTrustStore(bundleFile)
  const to = { proxyPort, caFile: ca.file, bundleFile, trustStoreFile, inherited }
  const added = clientEnvironment(to)
  return { http, environment: { ...inherited, ...added } }
}

/** Ends or returns jobs whose agent's process has ended. */
export async function recover(estate: Estate): Promise<void> {
  const devops = await estate.devops()
  await devops.recover({ nowMs: systemClock.nowMs(), isGone })
}

/** The agents of this process; the name tells which process that is. */
export function agentName(): string {
  return `local-${process.pid}`
}

/** True for an agent whose process has ended. */
function isGone(agent: string): boolean {
  const pid = /^local-(\d+)$/.exec(agent)?.[1]
  return pid !== undefined && !isAlive(Number(pid))
}

/** What a step's program sees of this process's environment: all but what is meant for Sluice itself. */
function inheritedEnvironment({ db }: Estate): Record<string, string> {
  const own =
    db.engine === 'postgres'
      ? /^(SLUICE_|AZURE_DEVOPS_EXT_|NODE_COMPILE_CACHE$|npm_|PGPASS)/i
      : /^(SLUICE_|AZURE_DEVOPS_EXT_|NODE_COMPILE_CACHE$|npm_)/i
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !own.test(entry[0]),
    ),
  )
}
