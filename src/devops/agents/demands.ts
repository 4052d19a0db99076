/** Capability names to values; names compare without case. */
type Capabilities = Readonly<Record<string, string>>

/** True when every demand (`Name` or `Name -equals Value`) is met (facts: pipelines §4.15). */
function meetsDemands(demands: unknown, capabilities: Capabilities): boolean {
  if (!Array.isArray(demands) || demands.length === 0) return true
  const held = new Map(
    Object.entries(capabilities).map(([name, value]) => [name.toLowerCase(), value]),
  )
  return demands.every((demand) => meets(String(demand), held))
}

function meets(demand: string, held: ReadonlyMap<string, string>): boolean {
  const [name = '', operator, wanted = ''] = demand.trim().split(/\s+(-equals|-gtVersion)\s+/i)
  const value = held.get(name.toLowerCase())
  if (value === undefined) return false
  if (operator === undefined) return true
  if (operator.toLowerCase() === '-equals') return value.toLowerCase() === wanted.toLowerCase()
  return isVersionAtLeast(value, wanted)
}

function isVersionAtLeast(value: string, wanted: string): boolean {
  const parts = (text: string) => text.split('.').map((part) => Number.parseInt(part, 10) || 0)
  const [have, need] = [parts(value), parts(wanted)]
  for (let i = 0; i < Math.max(have.length, need.length); i += 1) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

const AGENT_NAME = 'Agent.Name'

/** The demand that only the agent of this name meets. */
export function demandOfAgent(name: string): string {
  return `${AGENT_NAME} -equals ${name}`
}

/** The agent that a job demands by name, if it does. */
export function findDemandedAgent(demands: unknown): string | undefined {
  const prefix = `${AGENT_NAME} -equals `.toLowerCase()
  const found = (Array.isArray(demands) ? demands : []).find((demand) =>
    String(demand).toLowerCase().startsWith(prefix),
  )
  return found === undefined ? undefined : String(found).slice(prefix.length)
}

/** What an agent can do, by its name and its capabilities. */
export interface AgentFacts {
  readonly name: string
  readonly capabilities: Capabilities
  /** It takes only jobs that demand it by name. */
  readonly isReserved?: boolean
}

/** True when the agent may take a job with these demands. */
export function mayTake({ name, capabilities, isReserved }: AgentFacts, demands: unknown): boolean {
  if (isReserved && findDemandedAgent(demands)?.toLowerCase() !== name.toLowerCase()) return false
  return meetsDemands(demands, { ...capabilities, [AGENT_NAME]: name })
}
