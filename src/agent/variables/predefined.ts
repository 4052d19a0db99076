import { arch, hostname } from 'node:os'
import type { JobRequest } from '../../protocol/index.ts'
import { AGENT_VERSION, type AgentSettings } from '../settings.ts'
import type { Workspace } from '../workspace/workspace.ts'
import type { VariableStore } from './variable-store.ts'

const OS_NAMES: Readonly<Record<string, string>> = { win32: 'Windows_NT', darwin: 'Darwin' }
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'X64', arm64: 'ARM64', arm: 'ARM' }

/** Predefined names that a pipeline may set all the same (facts §4.10). */
const SETTABLE = new Set(['build.clean', 'system.debug'])

/** Puts the job's variables in the store; the values of secrets are registered on the way. */
export function loadJobVariables(store: VariableStore, job: JobRequest): void {
  for (const [name, variable] of Object.entries(job.variables)) {
    store.set(name, variable.value, {
      isSecret: variable.isSecret || name.toLowerCase() === 'system.accesstoken',
      isReadOnly: variable.isReadOnly && !SETTABLE.has(name.toLowerCase()),
    })
  }
  if (!store.find('System.HostType')) {
    store.set('System.HostType', job.plan.planType.toLowerCase(), { isReadOnly: true })
  }
  const token = job.endpoints.find(
    (endpoint) => endpoint.name.toLowerCase() === 'systemvssconnection',
  )?.parameters['AccessToken']
  if (token && !store.find('System.AccessToken')) {
    store.set('System.AccessToken', token, { isSecret: true, isReadOnly: true })
  }
}

/** Sets what only the agent knows (facts §4.12); `sources` is the folder of the checkout. */
export function setAgentVariables(
  store: VariableStore,
  settings: AgentSettings,
  job: JobRequest,
  place: { readonly workspace: Workspace; readonly sources: string },
): void {
  const { workspace, sources } = place
  const values: Readonly<Record<string, string>> = {
    'Agent.BuildDirectory': workspace.folder,
    'Agent.HomeDirectory': settings.workFolder,
    'Agent.Id': '1',
    'Agent.JobName': job.jobDisplayName,
    'Agent.JobStatus': 'Succeeded',
    'Agent.MachineName': hostname(),
    'Agent.Name': settings.name,
    'Agent.OS': OS_NAMES[process.platform] ?? 'Linux',
    'Agent.OSArchitecture': ARCHITECTURES[arch()] ?? arch().toUpperCase(),
    'Agent.RootDirectory': settings.workFolder,
    'Agent.TempDirectory': workspace.temp,
    'Agent.ToolsDirectory': workspace.tools,
    'Agent.Version': AGENT_VERSION,
    'Agent.WorkFolder': settings.workFolder,
    'Build.ArtifactStagingDirectory': workspace.artifacts,
    'Build.BinariesDirectory': workspace.binaries,
    'Build.Repository.LocalPath': sources,
    'Build.SourcesDirectory': sources,
    'Build.StagingDirectory': workspace.artifacts,
    'Common.TestResultsDirectory': workspace.testResults,
    'Pipeline.Workspace': workspace.folder,
    'System.ArtifactsDirectory': workspace.artifacts,
    'System.DefaultWorkingDirectory': sources,
  }
  for (const [name, value] of Object.entries(values)) {
    store.set(name, value, { isReadOnly: name !== 'Agent.JobStatus' })
  }
}

/** An endpoint of the agent's own server, when the job has one. */
export function serverOrigin(job: JobRequest): string | undefined {
  const endpoint = job.endpoints.find(({ name }) => name.toLowerCase() === 'systemvssconnection')
  return endpoint && URL.canParse(endpoint.url) ? new URL(endpoint.url).origin : undefined
}
