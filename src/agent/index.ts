/**
 * agent: takes jobs and runs them. `agent.ts` is the loop, `job.ts` one job, `steps/` its steps,
 * `commands/` what logging commands do, `checkout/` how sources come in, `variables/` values, macros
 * and environments, `processes/` children, `reporting/` records and logs, `workspace/` folders, and
 * `output/` the way of a step's bytes to the log. The server is reached through `AgentApi` alone.
 */

export { runAgent } from './agent.ts'
export { runJob } from './job.ts'
export type { AgentSettings, AgentTiming } from './settings.ts'
