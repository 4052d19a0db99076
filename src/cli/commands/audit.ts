import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig } from '../az-words.ts'
import { command } from '../command.ts'
import { ExitCode } from '../exit-code.ts'

const auditTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((row) => ({
    Time: row['time'],
    Operation: row['operationName'],
    Object: row['id'],
    Result: row['resultSignature'],
    Caller: row['callerName'] ?? dig(row, 'identity', 'appId') ?? dig(row, 'identity', 'objectId'),
    Address: row['callerIpAddress'],
  }))

export const auditCommands = [
  command(
    'audit list [--vault-name <vault>] [--hsm-name <hsm>] [--object <name>] [--operation <name>] [--last <duration>] [--top <n>]',
    'Show who did what with the vaults and managed HSMs, the newest first.',
    async (options, { session }) => {
      const { client } = await session()
      const query = new URLSearchParams()
      if (options.hsmName) query.set('vault', `managedHSMs/${options.hsmName}`)
      if (options.vaultName) query.set('vault', options.vaultName)
      if (options.object) query.set('object', options.object)
      if (options.operation) query.set('operation', options.operation)
      if (options.top) query.set('top', options.top)
      if (options.last) query.set('since', String(Date.now() - toMs(options.last)))
      return dig(await front(client, `/audit?${query}`), 'value')
    },
    {
      table: auditTable,
      examples: ['sluice audit list --vault-name kv-demo --operation SecretGet --last 1h -o table'],
    },
  ),
  command(
    'audit verify',
    'Check that no row of the audit trail was changed or removed.',
    async (_options, { session, terminal }) => {
      const { client } = await session()
      const verdict = await front(client, '/audit/verify')
      if (dig(verdict, 'ok') !== true) {
        terminal.note('ERROR: The audit trail is broken: a row was changed or removed.\n')
        terminal.out(`${JSON.stringify(verdict, undefined, 2)}\n`)
        throw new ExitCode(1)
      }
      return verdict
    },
  ),
]

function front(client: Client, path: string): Promise<unknown> {
  return client.request(client.settings.hosts.management, `https://localhost${path}`)
}

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

function toMs(duration: string): number {
  const [, count, unit] = /^(\d+)([smhd])$/.exec(duration) ?? []
  if (count && unit) return Number(count) * (UNIT_MS[unit] ?? 0)
  throw new Fault(
    'UsageWrong',
    `--last takes a duration such as 30m, 12h or 7d, not '${duration}'.`,
  )
}
