import type { TaskResult, TimelineRecord } from '../../protocol/index.ts'
import { listMembers } from '../organisation/members-store.ts'
import type { Project } from '../organisation/projects-store.ts'
import { DEFAULT_QUEUE, definitionRef, pipelineRef } from '../pipelines/pipeline-operations.ts'
import { findPipeline, type Pipeline } from '../pipelines/pipelines-store.ts'
import type { DevopsContext } from '../wire/context.ts'
import { identityRef, projectRef, toDate } from '../wire/wire-values.ts'
import { listTags, openInput, type RunRow } from './runs-store.ts'

const BUILD_RESULTS: Readonly<Record<TaskResult, string>> = {
  Succeeded: 'succeeded',
  SucceededWithIssues: 'partiallySucceeded',
  Failed: 'failed',
  Canceled: 'canceled',
  Skipped: 'succeeded',
  Abandoned: 'failed',
}

function resultOf(row: RunRow): string | undefined {
  return row.result === null ? undefined : BUILD_RESULTS[row.result as TaskResult]
}

function lowerFirst(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1)
}

function buildStatus(row: RunRow): string {
  if (row.state !== 'inProgress') return row.state
  return row.started_at_ms === null ? 'notStarted' : 'inProgress'
}

/** A pipeline that was deleted is still named by its runs. */
async function pipelineOf(
  { devops }: DevopsContext,
  project: Project,
  row: RunRow,
): Promise<Pipeline> {
  const found = await findPipeline(devops.db.query, project.id, row.pipeline_id)
  return (
    found ?? {
      id: row.pipeline_id,
      projectId: project.id,
      name: `deleted pipeline ${row.pipeline_id}`,
      folder: '\\',
      yamlPath: '',
      repository: { type: 'Folder', path: '' },
      revision: 1,
      isAdHoc: false,
      createdBy: '',
      createdAtMs: row.queued_at_ms,
    }
  )
}

/** The service's `Build`. */
export async function toBuild(context: DevopsContext, project: Project, row: RunRow) {
  const { devops, origin } = context
  const pipeline = await pipelineOf(context, project, row)
  const members = await listMembers(devops.db.query, devops.organization)
  const url = `${origin}/${project.id}/_apis/build/Builds/${row.id}`
  const requester = { ...identityRef(row.requested_by, members), displayName: row.requested_name }
  const result = resultOf(row)
  return {
    _links: {
      self: { href: url },
      web: { href: `${origin}/${project.id}/_build/results?buildId=${row.id}` },
      timeline: { href: `${origin}/${project.id}/_apis/build/builds/${row.id}/Timeline` },
    },
    properties: {},
    tags: await listTags(devops.db.query, row.id),
    validationResults: [],
    plans: [{ planId: row.plan_id }],
    triggerInfo: {},
    id: row.id,
    buildNumber: row.number,
    status: buildStatus(row),
    ...(result === undefined ? {} : { result }),
    queueTime: toDate(row.queued_at_ms),
    ...(row.started_at_ms === null ? {} : { startTime: toDate(row.started_at_ms) }),
    ...(row.finished_at_ms === null ? {} : { finishTime: toDate(row.finished_at_ms) }),
    url,
    definition: definitionRef(pipeline, project, origin),
    buildNumberRevision: 1,
    project: projectRef(project),
    uri: `vstfs:///Build/Build/${row.id}`,
    sourceBranch: row.source_branch,
    sourceVersion: row.source_version,
    queue: DEFAULT_QUEUE,
    priority: 'normal',
    reason: lowerFirst(row.reason),
    requestedFor: requester,
    requestedBy: requester,
    lastChangedDate: toDate(row.finished_at_ms ?? row.started_at_ms ?? row.queued_at_ms),
    lastChangedBy: requester,
    orchestrationPlan: { planId: row.plan_id },
    logs: { id: 0, type: 'Container', url: `${url}/logs` },
    repository: {
      id: pipeline.repository.path,
      type: 'Folder',
      url: pipeline.repository.path,
      clean: null,
      checkoutSubmodules: false,
    },
    keepForever: row.keep_forever === 1,
    retainedByRelease: false,
    triggeredByBuild: null,
  }
}

/** `Build` with what it was queued with: secret variables are left out. */
export async function toWholeBuild(context: DevopsContext, project: Project, row: RunRow) {
  const input = await openInput(context.devops, row)
  const shown = input.given.filter(({ isSecret }) => !isSecret)
  return {
    ...(await toBuild(context, project, row)),
    ...(shown.length > 0
      ? { parameters: JSON.stringify(Object.fromEntries(shown.map((v) => [v.name, v.value]))) }
      : {}),
    templateParameters: input.parameters,
  }
}

const RUN_STATES = { inProgress: 'inProgress', cancelling: 'canceling', completed: 'completed' }

/** The service's `Run` of the pipelines area. */
export async function toRun(context: DevopsContext, project: Project, row: RunRow) {
  const { devops, origin } = context
  const pipeline = await pipelineOf(context, project, row)
  const input = await openInput(devops, row)
  const result = resultOf(row)
  const url = `${origin}/${project.id}/_apis/pipelines/${row.pipeline_id}/runs/${row.id}`
  return {
    _links: {
      self: { href: url },
      web: { href: `${origin}/${project.id}/_build/results?buildId=${row.id}` },
    },
    templateParameters: input.parameters,
    pipeline: pipelineRef(pipeline, project, origin),
    state: RUN_STATES[row.state],
    ...(result === undefined
      ? {}
      : { result: result === 'partiallySucceeded' ? 'succeeded' : result }),
    createdDate: toDate(row.queued_at_ms),
    ...(row.finished_at_ms === null ? {} : { finishedDate: toDate(row.finished_at_ms) }),
    url,
    resources: {
      repositories: {
        self: {
          repository: { type: 'folder', url: pipeline.repository.path },
          refName: row.source_branch,
          version: row.source_version,
        },
      },
    },
    variables: Object.fromEntries(
      input.given.map(({ name, value, isSecret }) => [
        name,
        isSecret ? { value: null, isSecret: true } : { value },
      ]),
    ),
    id: row.id,
    name: row.number,
  }
}

/** The service's `TimelineRecord`. */
export function toRecordWire(record: TimelineRecord, runUrl: string) {
  const { startedAtMs, finishedAtMs, logId, result } = record
  return {
    previousAttempts: [],
    id: record.id,
    parentId: record.parentId ?? null,
    type: record.type,
    name: record.name,
    startTime: startedAtMs === undefined ? null : toDate(startedAtMs),
    finishTime: finishedAtMs === undefined ? null : toDate(finishedAtMs),
    currentOperation: record.currentOperation ?? null,
    percentComplete: record.percentComplete ?? null,
    state: record.state,
    result: result === undefined ? null : lowerFirst(result),
    resultCode: null,
    workerName: record.workerName ?? null,
    order: record.order ?? null,
    details: null,
    errorCount: record.errorCount ?? 0,
    warningCount: record.warningCount ?? 0,
    url: null,
    log:
      logId === undefined ? null : { id: logId, type: 'Container', url: `${runUrl}/logs/${logId}` },
    task: null,
    attempt: record.attempt ?? 1,
    identifier: record.refName ?? null,
    issues: record.issues?.map(({ type, message, data }) => ({
      type,
      category: 'General',
      message,
      data,
    })),
  }
}
