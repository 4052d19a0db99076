import type { Sealed } from '../../base/sealed.ts'
import type { GivenVariable } from './variables.ts'

/** What the server knows of a run when it makes variables (facts: pipelines §4.12). */
export interface RunFacts {
  readonly runId: number
  readonly number: string
  readonly planId: string
  readonly timelineId: string
  readonly projectId: string
  readonly projectName: string
  readonly collectionUri: string
  readonly pipelineId: number
  readonly pipelineName: string
  readonly pipelineRevision: number
  readonly repository: { readonly id: string; readonly name: string; readonly path: string }
  readonly sourceBranch: string
  readonly sourceVersion: string
  readonly reason: string
  readonly requestedBy: { readonly id: string; readonly name: string }
}

/** `refs/heads/feature/x` -> `x`; `refs/pull/1/merge` -> `merge`. */
export function branchName(sourceBranch: string): string {
  return sourceBranch.split('/').at(-1) ?? sourceBranch
}

/** One collection per server; clients only compare its id with itself. */
const COLLECTION_ID = '00000000-0000-4000-8000-000000000001'

/** Variables of every job of a run. */
export function runVariables(run: RunFacts): GivenVariable[] {
  return toGiven({
    'Build.BuildId': String(run.runId),
    'Build.BuildNumber': run.number,
    'Build.BuildUri': `vstfs:///Build/Build/${run.runId}`,
    'Build.ContainerId': String(run.runId),
    'Build.DefinitionName': run.pipelineName,
    'Build.DefinitionVersion': String(run.pipelineRevision),
    'Build.QueuedBy': run.requestedBy.name,
    'Build.QueuedById': run.requestedBy.id,
    'Build.Reason': run.reason,
    'Build.Repository.Clean': 'False',
    'Build.Repository.Git.SubmoduleCheckout': 'False',
    'Build.Repository.ID': run.repository.id,
    'Build.Repository.Name': run.repository.name,
    'Build.Repository.Provider': 'Git',
    'Build.Repository.Uri': run.repository.path,
    'Build.RequestedFor': run.requestedBy.name,
    'Build.RequestedForId': run.requestedBy.id,
    'Build.SourceBranch': run.sourceBranch,
    'Build.SourceBranchName': branchName(run.sourceBranch),
    'Build.SourceVersion': run.sourceVersion,
    'System.CollectionId': COLLECTION_ID,
    'System.CollectionUri': `${run.collectionUri}/`,
    'System.DefinitionId': String(run.pipelineId),
    'System.DefinitionName': run.pipelineName,
    'System.HostType': 'build',
    'System.PlanId': run.planId,
    'System.ServerType': 'Hosted',
    'System.TeamFoundationCollectionUri': `${run.collectionUri}/`,
    'System.TeamFoundationServerUri': `${run.collectionUri}/`,
    'System.TeamProject': run.projectName,
    'System.TeamProjectId': run.projectId,
    'System.TimelineId': run.timelineId,
    TF_BUILD: 'True',
  })
}

/** Names that template expressions may read before anything runs. */
const TEMPLATE_NAMES = new Set([
  'Build.DefinitionName',
  'Build.DefinitionVersion',
  'Build.QueuedBy',
  'Build.QueuedById',
  'Build.Reason',
  'Build.Repository.ID',
  'Build.Repository.Name',
  'Build.Repository.Provider',
  'Build.Repository.Uri',
  'Build.RequestedFor',
  'Build.RequestedForId',
  'Build.SourceBranch',
  'Build.SourceBranchName',
  'Build.SourceVersion',
  'System.CollectionId',
  'System.CollectionUri',
  'System.DefinitionId',
  'System.DefinitionName',
  'System.HostType',
  'System.TeamFoundationCollectionUri',
  'System.TeamProject',
  'System.TeamProjectId',
])

/** The part of `runVariables` that is known when templates are expanded. */
export function templateVariables(run: RunFacts): Record<string, string> {
  return Object.fromEntries(
    runVariables(run).flatMap(({ name, value }) =>
      TEMPLATE_NAMES.has(name) && typeof value === 'string' ? [[name, value]] : [],
    ),
  )
}

/** What the server knows of one execution of a job. */
export interface JobFacts {
  readonly jobId: string
  readonly jobName: string
  readonly jobDisplayName: string
  readonly phaseName: string
  readonly phaseDisplayName: string
  readonly stageName: string
  readonly stageDisplayName: string
  readonly attempt: number
  /** Position and count among the legs, from 1; undefined without strategy. */
  readonly slice?: {
    readonly position: number
    readonly total: number
    readonly isParallel: boolean
  }
  readonly environment?: { readonly id: number; readonly name: string; readonly strategy: string }
}

/** Variables of one job. */
export function jobVariables(job: JobFacts): GivenVariable[] {
  return toGiven({
    'Agent.JobName': job.jobDisplayName,
    'System.JobAttempt': String(job.attempt),
    'System.JobDisplayName': job.jobDisplayName,
    'System.JobId': job.jobId,
    'System.JobName': job.jobName,
    'System.JobIdentifier': `${job.stageName}.${job.phaseName}.${job.jobName}`,
    'System.JobPositionInPhase': String(job.slice?.position ?? 1),
    'System.ParallelExecutionType': parallelKind(job),
    'System.PhaseAttempt': '1',
    'System.PhaseDisplayName': job.phaseDisplayName,
    'System.PhaseName': job.phaseName,
    'System.StageAttempt': '1',
    'System.StageDisplayName': job.stageDisplayName,
    'System.StageName': job.stageName,
    'System.TotalJobsInPhase': String(job.slice?.total ?? 1),
    ...(job.environment
      ? {
          'Environment.Id': String(job.environment.id),
          'Environment.Name': job.environment.name,
          'Strategy.Name': job.environment.strategy,
        }
      : {}),
  })
}

function parallelKind(job: JobFacts): string {
  if (!job.slice) return 'None'
  return job.slice.isParallel ? 'MultiMachine' : 'MultiConfiguration'
}

/** The job's token is a secret that a step must map by itself. */
export function accessTokenVariable(token: Sealed): GivenVariable {
  return { name: 'System.AccessToken', value: token, isSecret: true }
}

function toGiven(values: Readonly<Record<string, string>>): GivenVariable[] {
  return Object.entries(values).map(([name, value]) => ({ name, value, isSecret: false }))
}
