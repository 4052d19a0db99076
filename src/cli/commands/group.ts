import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import { toPairs } from '../az-words.ts'
import { command } from '../command.ts'

const VERSION = '2024-11-01'

const groupTable = (result: unknown) =>
  (Array.isArray(result) ? result : [result]).filter(isObject).map((group) => ({
    Name: group['name'],
    Location: group['location'],
    Status: isObject(group['properties']) ? group['properties']['provisioningState'] : '',
  }))

export const groupCommands = [
  command(
    'group create --name|-n <name> --location|-l <region> [--tags <k=v>...]',
    'Create a resource group, or update its tags.',
    async ({ name, location, tags }, { session }) => {
      const { client } = await session()
      const body = { location, ...(tags ? { tags: toPairs(tags) } : {}) }
      return client.arm(`${root(client)}/resourcegroups/${name}`, VERSION, { method: 'PUT', body })
    },
    { table: groupTable, examples: ['sluice group create --name demo --location westeurope'] },
  ),
  command(
    'group show --name|-n <name>',
    'Show a resource group.',
    async ({ name }, { session }) => {
      const { client } = await session()
      return client.arm(`${root(client)}/resourcegroups/${name}`, VERSION)
    },
    { table: groupTable },
  ),
  command(
    'group list',
    'List resource groups.',
    async (_options, { session }) => {
      const { client } = await session()
      return client.list((next) => client.arm(next ?? `${root(client)}/resourcegroups`, VERSION))
    },
    { table: groupTable },
  ),
  command(
    'group delete --name|-n <name> [--yes|-y] [--no-wait]',
    'Delete a resource group and everything in it; vaults become recoverable.',
    async ({ name, yes, noWait }, { session, terminal }) => {
      if (!yes && !(await terminal.confirm(`Delete the group '${name}' and all its resources?`))) {
        throw new Fault(
          'Declined',
          `The group '${name}' was not deleted. Add --yes to delete without a question.`,
        )
      }
      const { client } = await session()
      await client.arm(`${root(client)}/resourcegroups/${name}`, VERSION, { method: 'DELETE' })
      if (!noWait)
        await untilGone(() => client.arm(`${root(client)}/resourcegroups/${name}`, VERSION))
      return undefined
    },
  ),
]

function root(client: { readonly settings: { readonly subscriptionId: string } }): string {
  return `/subscriptions/${client.settings.subscriptionId}`
}

/** Polls until the resource answers 404. */
async function untilGone(look: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await look()
    } catch (error) {
      if ((error as { status?: number }).status === 404) return
      throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
