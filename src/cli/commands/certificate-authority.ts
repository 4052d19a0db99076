import { command } from '../command.ts'

export const certificateAuthorityCommands = [
  command(
    'keyvault certificate authority show',
    'Show the root and the intermediate (PEM) that sign for the named issuers of all vaults here.',
    async (_options, { session }) => {
      const { client } = await session()
      return client.request(
        client.settings.hosts.management,
        'https://localhost/certificate-authority',
      )
    },
    {
      examples: ['sluice keyvault certificate authority show --query root -o tsv > root.pem'],
    },
  ),
]
