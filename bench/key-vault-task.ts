/**
 * How fast AzureKeyVault@2 reads 1,000 secrets with the filter `*`, against a vault on this
 * machine. Prints one JSON object a line. Run: `node bench/key-vault-task.ts [--quick]`.
 */
import { Sealed } from '../src/base/sealed.ts'
import { findTask, type Task } from '../src/tasks/index.ts'
import { removeFolders, workbench } from '../src/tasks/testing/task-bench.ts'
import { startVaultServer } from '../src/tasks/testing/vault-server.ts'

const SECRETS = 1_000
const ROUNDS = process.argv.includes('--quick') ? 3 : 5

const task = findTask('AzureKeyVault', 2)
if (!task) throw new Error('AzureKeyVault@2 is not built in.')

const names = Array.from({ length: SECRETS }, (_, i) => `secret-${i}`)
const server = await startVaultServer({
  secrets: Object.fromEntries(names.map((name) => [name, { value: `value of ${name}` }])),
})
const connection = {
  id: 'c',
  name: 'c',
  url: '',
  scheme: 'ServicePrincipal',
  parameters: {
    tenantid: new Sealed('t'),
    serviceprincipalid: new Sealed('p'),
    serviceprincipalkey: new Sealed('k'),
  },
  data: { SubscriptionId: 's' },
}

async function fetchAll(keyVault: Task): Promise<void> {
  const bench = workbench({ http: server.http, connections: [connection] })
  const inputs = { ConnectedServiceName: 'c', KeyVaultName: 'kv', SecretsFilter: '*' }
  const end = await bench.run(keyVault, inputs)
  if (end.result !== 'Succeeded' || bench.variables.length !== 2 * SECRETS + 1) {
    throw new Error('The task did not set every secret.')
  }
}

/** The same reads, 20 at a time, with nothing around them. */
async function readAll(): Promise<void> {
  const waiting = names.values()
  const worker = async () => {
    for (const name of waiting) {
      const url = `https://kv.vault.azure.net/secrets/${name}?api-version=2016-10-01`
      await server.http.request('GET', url, {}, undefined, new AbortController().signal)
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
}

/** The median of some rounds, in secrets a second. */
async function measure(run: () => Promise<void>): Promise<number> {
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    await run()
    rates.push((SECRETS * 1_000) / (performance.now() - start))
  }
  return Math.round(rates.sort((a, b) => a - b)[ROUNDS >> 1] ?? 0)
}

function print(name: string, value: number, more: { bar: number } | { peer: string }): void {
  console.log(JSON.stringify({ name, value, unit: 'secrets/s', ...more }))
}

print('key-vault-task.1000-secrets', await measure(() => fetchAll(task)), { bar: 1_000 })
print('key-vault-task.bare-reads', await measure(readAll), {
  peer: 'the same reads, 20 at a time, with nothing around them',
})
await server.close()
removeFolders()
