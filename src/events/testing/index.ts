/** JSON Schemas of the documented event shapes (key-vault.md §15.2), for tests. */
const KINDS = ['Secret', 'Key', 'Certificate'] as const
const MOMENTS = ['NewVersionCreated', 'NearExpiry', 'Expired'] as const

/** The ten types a vault publishes (key-vault.md §15.1). */
export const eventTypes: readonly string[] = [
  ...KINDS.flatMap((kind) => MOMENTS.map((moment) => `Microsoft.KeyVault.${kind}${moment}`)),
  'Microsoft.KeyVault.VaultAccessPolicyChanged',
]

const TIME = { type: 'string', pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{7}Z$' }
const GUID = { type: 'string', pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' }
const TOPIC = {
  type: 'string',
  pattern: '^/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft.KeyVault/vaults/[^/]+$',
}
const SECONDS = { type: ['integer', 'null'] }

const data = {
  type: 'object',
  additionalProperties: false,
  required: ['Id', 'VaultName', 'ObjectType', 'ObjectName', 'Version', 'NBF', 'EXP'],
  properties: {
    Id: {
      type: 'string',
      pattern: '^https://[^/]+/((secrets|keys|certificates)/[0-9a-zA-Z-]{1,127}/[0-9a-f]{32})?$',
    },
    VaultName: { type: 'string', minLength: 3 },
    ObjectType: { enum: [...KINDS, null] },
    ObjectName: { type: ['string', 'null'] },
    Version: { type: ['string', 'null'], pattern: '^[0-9a-f]{32}$' },
    NBF: SECONDS,
    EXP: SECONDS,
  },
}

function schemaOf(properties: Readonly<Record<string, object>>): object {
  const required = Object.keys(properties)
  return { type: 'object', additionalProperties: false, required, properties }
}

export const eventGridSchema = schemaOf({
  id: GUID,
  topic: TOPIC,
  subject: { type: 'string', pattern: '^[^/]+$' },
  eventType: { enum: eventTypes },
  eventTime: TIME,
  data,
  dataVersion: { const: '1' },
  metadataVersion: { const: '1' },
})

export const cloudEventSchema = schemaOf({
  id: GUID,
  source: TOPIC,
  subject: { type: 'string', pattern: '^[^/]+$' },
  type: { enum: eventTypes },
  time: TIME,
  data,
  specversion: { const: '1.0' },
})
