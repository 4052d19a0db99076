import { Ajv } from 'ajv'
import { expect, test } from 'vitest'
import type { OutboxEvent } from './outbox.ts'
import { cloudEventSchema, eventGridSchema, eventTypes } from './testing/index.ts'
import { toCloudEvent, toEventGridEvent } from './wire.ts'

const VERSION = '0123456789abcdef0123456789abcdef'
const TOPIC = '/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv1'

const rotated: OutboxEvent = {
  sequence: 7,
  id: '00000000-1111-4222-8333-444444444444',
  topic: TOPIC,
  type: 'Microsoft.KeyVault.SecretNewVersionCreated',
  subject: 'db',
  timeMs: Date.UTC(2026, 0, 31, 12, 30, 1, 20),
  data: {
    Id: `https://kv1.vault.azure.net/secrets/db/${VERSION}`,
    VaultName: 'kv1',
    ObjectType: 'Secret',
    ObjectName: 'db',
    Version: VERSION,
    NBF: null,
    EXP: 1_790_000_000,
  },
}

test('an event in the form of Event Grid', () => {
  expect(toEventGridEvent(rotated)).toEqual({
    id: rotated.id,
    topic: TOPIC,
    subject: 'db',
    eventType: 'Microsoft.KeyVault.SecretNewVersionCreated',
    eventTime: '2026-01-31T12:30:01.0200000Z',
    data: rotated.data,
    dataVersion: '1',
    metadataVersion: '1',
  })
})

test('an event in the form of CloudEvents 1.0', () => {
  expect(toCloudEvent(rotated)).toEqual({
    id: rotated.id,
    source: TOPIC,
    subject: 'db',
    type: 'Microsoft.KeyVault.SecretNewVersionCreated',
    time: '2026-01-31T12:30:01.0200000Z',
    data: rotated.data,
    specversion: '1.0',
  })
})

const ajv = new Ajv({ allowUnionTypes: true })
const forms = [
  ['EventGridSchema', toEventGridEvent, ajv.compile(eventGridSchema)],
  ['CloudEvents', toCloudEvent, ajv.compile(cloudEventSchema)],
] as const

test.each(forms)(
  '%s: the schema holds each type, and refuses others',
  (_name, toWire, validate) => {
    for (const type of eventTypes) {
      validate(toWire({ ...rotated, type }))
      expect(validate.errors).toBeNull()
    }
    expect(validate(toWire({ ...rotated, type: 'Microsoft.KeyVault.SecretRead' }))).toBe(false)
    expect(validate(toWire({ ...rotated, subject: 'secrets/db' }))).toBe(false)
    expect(validate(toWire({ ...rotated, data: { ...rotated.data, Value: 'x' } }))).toBe(false)
  },
)
