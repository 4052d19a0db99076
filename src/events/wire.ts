import type { OutboxEvent } from './outbox.ts'

/** Event Grid's own form (key-vault.md §15.2); a delivery is an array of one. */
export function toEventGridEvent(event: OutboxEvent): object {
  return {
    id: event.id,
    topic: event.topic,
    subject: event.subject,
    eventType: event.type,
    eventTime: toTime(event.timeMs),
    data: event.data,
    dataVersion: '1',
    metadataVersion: '1',
  }
}

/** The form of CloudEvents 1.0. */
export function toCloudEvent(event: OutboxEvent): object {
  return {
    id: event.id,
    source: event.topic,
    subject: event.subject,
    type: event.type,
    time: toTime(event.timeMs),
    data: event.data,
    specversion: '1.0',
  }
}

/** The vendor writes seven decimals. */
function toTime(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '0000Z')
}
