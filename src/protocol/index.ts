/**
 * protocol: what server and agent say to each other. Types only, close to the distributed-task
 * wire types; `AgentApi` is the port an agent works through, in process or over HTTPS.
 * Start at job-request.ts (what a job is), timeline.ts (what it tells), agent-api.ts (how).
 */

export * from './agent-api.ts'
export type * from './job-request.ts'
export type * from './timeline.ts'
