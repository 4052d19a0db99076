// The events room: what happened to vaults, for those who want to be told. outbox.ts keeps events as
// rows that are written with the changes they tell of, gives them out in order, and drops what is too
// old or too much; wire.ts spells an event in Event Grid's two forms; tables.ts has the table. The
// rooms where things happen declare the sink they need themselves; the server connects them. Nothing
// is delivered yet.
export { type EventFacts, type Events, type OutboxEvent, openEvents } from './outbox.ts'
export { eventMigrations } from './tables.ts'
export { toCloudEvent, toEventGridEvent } from './wire.ts'
