// The monitor room: what happened, kept so that it can be trusted. monitor.ts gathers audit entries
// and stores them a segment at a time, also after failures; chain.ts links segments by hashes and
// proves the links; index-rows.ts makes the index when somebody asks, query.ts answers from it;
// entry.ts is the record, in Key Vault's words; segment.ts packs it; tables.ts has the tables. The
// rooms that record declare the sink they need themselves; the server connects them.
export type { ChainState } from './chain.ts'
export type { AuditEntry, AuditRow } from './entry.ts'
export { type Monitor, type MonitorOptions, openMonitor } from './monitor.ts'
export type { AuditQuery } from './query.ts'
export { monitorMigrations } from './tables.ts'
