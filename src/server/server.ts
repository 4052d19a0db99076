import { systemClock } from '../base/clock.ts'
import { findUpstream, openCa, openListener, openProxy } from '../network/index.ts'
import { agentName, recover, startAgents } from './agents.ts'
import { announce, withdraw } from './announcement.ts'
import { type Estate, openEstate } from './compose.ts'
import { ensureDataDirectory } from './data-directory.ts'
import { frontService } from './front.ts'
import { dispatch } from './handlers.ts'
import {
  type FolderRun,
  type QueuedRun,
  queueFolderRun,
  type RunEvent,
  seedAdministrator,
} from './local.ts'
import { packageVersion } from './package-version.ts'
import type { ServerSettings } from './settings.ts'

/** A server that answers. */
export interface Server {
  readonly port: number
  /** Undefined when it has no proxy. */
  readonly proxyPort: number | undefined
  /** Queues a run of a folder of this machine, as the local administrator. */
  queueFolderRun(run: FolderRun): Promise<QueuedRun>
  watchRun(runId: number): AsyncIterable<RunEvent>
  cancelRun(runId: number): Promise<void>
  /** Cancels running jobs, lets requests end, and leaves the data as it would be after a crash. */
  close(): Promise<void>
}

/** How often objects whose retention has ended are looked for. */
const SWEEP_MS = 60_000

/**
 * Starts a server on a data directory; it answers when this resolves.
 *
 * @throws Fault `DataNotWritable`, `DataFromNewerVersion`, `RootKeyWrong`, `PortTaken` …: nothing runs then
 */
export async function startServer(settings: ServerSettings): Promise<Server> {
  const ending: (() => Promise<void> | void)[] = []
  const close = async () => {
    for (let end = ending.pop(); end; end = ending.pop()) await end()
  }
  try {
    ensureDataDirectory(settings.dataDirectory)
    const estate = await openEstate(settings.dataDirectory, systemClock, settings)
    ending.push(() => estate.close())
    await seedAdministrator(settings.dataDirectory, estate)
    const { port, proxyPort } = await openFronts(settings, estate, ending)
    startSweeping(estate, ending)
    const agents =
      settings.agents > 0
        ? startAgents(settings, estate, { port, proxyPort }, reportBug)
        : undefined
    if (agents) ending.push(() => agents.stop())
    if (settings.announce) {
      const { dataDirectory } = settings
      const startedAtMs = Date.now()
      announce(dataDirectory, {
        pid: process.pid,
        port,
        proxyPort: proxyPort ?? 0,
        startedAtMs,
        version: packageVersion(),
        realism: settings.realism,
      })
      ending.push(() => withdraw(dataDirectory))
    }
    return {
      port,
      proxyPort,
      queueFolderRun: async (run) => {
        const agent = settings.ownRunsOnly ? agentName() : undefined
        const [queued] = await Promise.all([queueFolderRun(estate, run, agent), agents?.ready])
        return queued
      },
      watchRun: async function* (runId) {
        yield* (await estate.devops()).watch(runId)
      },
      cancelRun: async (runId) => (await estate.devops()).cancelRun(runId),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

type Ending = (() => Promise<void> | void)[]

async function openFronts(
  settings: ServerSettings,
  estate: Estate,
  ending: Ending,
): Promise<{ port: number; proxyPort: number | undefined }> {
  const { identity, arm, vault, devops } = estate
  const front = frontService({
    version: packageVersion(),
    realism: settings.realism,
    monitor: estate.monitor,
    events: estate.events,
    verifier: identity.verifier,
    mayReadAudit: (principal, vaultName) => {
      const scope = vaultName === undefined ? undefined : findContainerId(arm, vaultName)
      const asked = scope ?? `/subscriptions/${estate.ids.subscriptionId}`
      return arm.isAllowed(principal, 'Microsoft.Insights/eventtypes/values/read', asked)
    },
    findVaultId: (name) => findContainerId(arm, name),
    findName: (objectId) => identity.directory.findPrincipal(objectId)?.displayName,
    certificateAuthority: vault.certificateAuthority,
  })
  const services = {
    identity: identity.service,
    attestation: identity.attestation,
    graph: identity.graph,
    arm: arm.service,
    vault: vault.service,
    managedHsm: vault.hsmService,
    devops: async () => (await devops()).service,
    front,
  }
  const listener = await openListener({
    ca: openCa(settings.dataDirectory),
    port: settings.port,
    onRequest: dispatch(services, systemClock, logBug),
  })
  ending.push(() => listener.close())
  if (settings.proxyPort === undefined) return { port: listener.port, proxyPort: undefined }
  const upstream = findUpstream(process.env)
  const proxy = await openProxy({
    port: settings.proxyPort,
    listenerPort: listener.port,
    ...(upstream ? { upstream } : {}),
  })
  ending.push(() => proxy.close())
  return { port: listener.port, proxyPort: proxy.port }
}

/** Of a vault by its name, or of a managed HSM that is not deleted as `managedHSMs/NAME`. */
function findContainerId(arm: Estate['arm'], name: string): string | undefined {
  const hsm = /^managedHSMs\/(.+)$/i.exec(name)?.[1]
  return hsm === undefined ? arm.findVault(name)?.id : arm.findActiveHsm(hsm)?.id
}

function startSweeping(estate: Estate, ending: Ending): void {
  const sweep = () => estate.vault.sweep(systemClock.nowMs()).catch(reportBug)
  // A crash may have left keys in the token that nobody knows.
  if (estate.hasToken) void sweep()
  const timer = setInterval(() => {
    recover(estate).catch(reportBug)
    void sweep()
    estate.events.sweep(systemClock.nowMs()).catch(reportBug)
    estate.arm.purgeExpired().catch(reportBug)
    estate.dropRetiredKeys().catch(reportBug)
  }, SWEEP_MS)
  timer.unref()
  ending.push(() => clearInterval(timer))
}

function reportBug(error: unknown): void {
  logBug(error, { service: 'server', requestId: '' })
}

/** A defect is logged with its stack, never shown to the caller. */
function logBug(
  error: unknown,
  place: { readonly service: string; readonly requestId: string },
): void {
  import('pino').then(
    ({ pino }) =>
      pino({ base: null }, process.stderr).error(
        { err: error, ...place },
        'a request met a defect',
      ),
    () => process.stderr.write(`a request met a defect: ${place.service} ${place.requestId}\n`),
  )
}
