import { isObject } from '../../base/json.ts'
import { dig } from '../az-words.ts'
import { command } from '../command.ts'

/** Rows of either form. */
const eventTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((event) => ({
    Time: event['eventTime'] ?? event['time'],
    Type: event['eventType'] ?? event['type'],
    Subject: event['subject'],
    Version: dig(event, 'data', 'Version'),
  }))

export const eventCommands = [
  command(
    'events list [--vault-name <vault>] [--schema <eventgrid|cloudevents>] [--top <n>]',
    'Show what the vaults published in the last 24 hours, the newest first.',
    async ({ vaultName, schema, top }, { session }) => {
      const { client } = await session()
      const query = new URLSearchParams()
      if (vaultName) query.set('vault', vaultName)
      if (schema) query.set('schema', schema)
      if (top) query.set('top', top)
      const { management } = client.settings.hosts
      return dig(await client.request(management, `https://localhost/events?${query}`), 'value')
    },
    {
      table: eventTable,
      help: { schema: "The form of the events: Event Grid's own (default) or CloudEvents 1.0." },
      examples: [
        'sluice events list --vault-name kv-demo -o table',
        'sluice events list --vault-name kv-demo --schema cloudevents --top 1',
      ],
    },
  ),
]
