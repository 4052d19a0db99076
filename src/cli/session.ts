import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Fault } from '../base/fault.ts'
import { readObject, readString } from '../base/json.ts'
import { Sealed } from '../base/sealed.ts'
import { azureHosts, Client } from '../client/index.ts'
import { localTransport } from './local-transport.ts'
import { findRunningServer } from './running-server.ts'
import { secretsOf } from './secrets.ts'
import type { Terminal } from './terminal.ts'

/** A connection to the services of a data directory, for the length of one command. */
export interface Session {
  readonly client: Client
  /** The server's listener and proxy on 127.0.0.1; no proxy when the server is private. */
  readonly port: number
  readonly proxyPort: number | undefined
  /** True when the server lives only as long as this command. */
  readonly isPrivate: boolean
  close(): Promise<void>
}

/** Connects to the running server of `data`, or starts a private one on a free port. */
export async function openSession(data: string, terminal: Terminal): Promise<Session> {
  const running = findRunningServer(data)
  if (running) {
    const { port, proxyPort } = running
    return {
      client: clientOf(data, port),
      port,
      proxyPort,
      isPrivate: false,
      close: async () => {},
    }
  }
  const { startServer } = await import('../server/index.ts')
  const secrets = await secretsOf(terminal)
  const server = await startServer({ dataDirectory: data, port: 0, agents: 0, secrets })
  const { port } = server
  return {
    client: clientOf(data, port),
    port,
    proxyPort: undefined,
    isPrivate: true,
    close: () => server.close(),
  }
}

/** A client that is the local administrator of the data directory. */
export function clientOf(data: string, port: number): Client {
  const admin = readAdmin(data)
  return new Client({
    ...admin,
    transport: localTransport(port, readFileSync(path.join(data, 'ca', 'ca.pem'), 'utf8')),
    hosts: azureHosts,
  })
}

/** @throws Fault `DataUnreadable` when the directory has no administrator that this user may read */
export function readAdmin(data: string): {
  tenantId: string
  subscriptionId: string
  clientId: string
  clientSecret: Sealed
} {
  const file = path.join(data, 'admin.json')
  try {
    const admin = readObject(JSON.parse(readFileSync(file, 'utf8')), 'admin.json')
    return {
      tenantId: readString(admin['tenantId'], 'tenantId'),
      subscriptionId: readString(admin['subscriptionId'], 'subscriptionId'),
      clientId: readString(admin['clientId'], 'clientId'),
      clientSecret: new Sealed(readString(admin['clientSecret'], 'clientSecret')),
    }
  } catch (error) {
    throw new Fault(
      'DataUnreadable',
      `${file} cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'it is damaged'}. It belongs to the user who first started the server.`,
    )
  }
}
