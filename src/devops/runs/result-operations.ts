import { Readable } from 'node:stream'
import { json, type Reply } from '../../http/reply.ts'
import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import { type Project, readProject } from '../organisation/projects-store.ts'
import { type DevopsContext, devopsOperation, permissions } from '../wire/context.ts'
import { findCount, listReply, readId, toDate } from '../wire/wire-values.ts'
import {
  type Artifact,
  listArtifactFiles,
  listArtifacts,
  openArtifactFile,
  readArtifact,
} from './artifacts.ts'
import { attachmentPlace } from './attachments.ts'
import { type LogFacts, listLogs, readLog } from './logs.ts'
import { listRecords } from './records-store.ts'
import { toRecordWire } from './run-wire.ts'
import { type RunRow, readRun } from './runs-store.ts'

const permission = permissions.member
const BUILD = '/:org/:project/_apis/build/builds/:buildId'

interface Params {
  readonly project: string
  readonly buildId: string
}

/** The run of a route, with the address its parts begin with. */
async function openRun({ devops, origin }: DevopsContext, params: Params) {
  const project: Project = await readProject(devops, params.project)
  const row: RunRow = await readRun(devops, project.id, readId(params.buildId, 'build id'))
  return { row, url: `${origin}/${project.id}/_apis/build/builds/${row.id}` }
}

async function timeline(context: DevopsContext, params: Params): Promise<Reply> {
  const { row, url } = await openRun(context, params)
  const { records, changedAtMs } = await listRecords(context.devops.db.query, row.id)
  return json(200, {
    records: records.map((record) => toRecordWire(record, url)),
    lastChangedBy: '00000002-0000-8888-8000-000000000000',
    lastChangedOn: toDate(changedAtMs || row.queued_at_ms),
    id: row.timeline_id,
    changeId: changedAtMs,
    url: `${url}/Timeline/${row.timeline_id}`,
  })
}

function logToWire({ id, lineCount, createdAtMs }: LogFacts, url: string) {
  const createdOn = toDate(createdAtMs)
  return {
    lineCount,
    createdOn,
    lastChangedOn: createdOn,
    id,
    type: 'Container',
    url: `${url}/logs/${id}`,
  }
}

/** JSON when the caller asks for it, else text. */
function logReply(lines: readonly string[], accept: string | undefined): Reply {
  if (/application\/json/i.test(accept ?? '')) return listReply(lines)
  const bytes = lines.length === 0 ? '' : `${lines.join('\n')}\n`
  return { status: 200, bytes, headers: { 'content-type': 'text/plain; charset=utf-8' } }
}

function artifactToWire({ id, name, type, folder }: Artifact, runId: number, url: string) {
  const address = `${url}/artifacts?artifactName=${encodeURIComponent(name)}&api-version=7.1`
  return {
    id,
    name,
    source: '',
    resource: {
      type,
      data: type === 'Container' ? `#/${runId}/${folder}` : folder,
      properties: { localpath: folder },
      url: address,
      downloadUrl: `${address}&%24format=zip`,
    },
  }
}

async function readAttachment(
  { db, sealer }: Devops,
  runId: number,
  named: { readonly recordId: string; readonly type: string; readonly name: string },
): Promise<Buffer> {
  const { recordId, type, name } = named
  const row = await db.query
    .selectFrom('devops_attachment')
    .select('sealed')
    .where('run_id', '=', runId)
    .where('record_id', '=', recordId.toLowerCase())
    .where('type', '=', type)
    .where('name', '=', name)
    .executeTakeFirst()
  if (!row) throw fault('ArtifactNotFound', `The build ${runId} has no attachment ${name}.`)
  const place = attachmentPlace(runId, recordId.toLowerCase(), type, name)
  return sealer.openBytes(place, row.sealed).open()
}

/** One artifact as a zip; its files stand below its name. */
async function zipReply(devops: Devops, runId: number, name: string): Promise<Reply> {
  const artifact = await readArtifact(devops, runId, name)
  const files = await listArtifactFiles(devops, runId, artifact.name)
  const { ZipFile } = await import('yazl')
  const zip = new ZipFile()
  let reading: Readable | undefined
  for (const file of files) {
    zip.addReadStreamLazy(`${artifact.name}/${file.path}`, { mode: 0o100644 }, (done) => {
      openArtifactFile(devops, runId, file).then(
        (stream) => {
          reading = stream
          done(null, stream)
        },
        (error: unknown) => done(error, Readable.from([])),
      )
    })
  }
  zip.end()
  const output = Readable.from(zip.outputStream as AsyncIterable<Buffer>, { objectMode: false })
  zip.on('error', (error: Error) => output.destroy(error))
  // A caller that goes away leaves the file that is being read half read.
  output.once('close', () => reading?.destroy())
  const filename = `${artifact.name.replaceAll(/["\\\r\n]/g, '_')}.zip`
  return {
    status: 200,
    stream: output,
    headers: {
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="${filename}"`,
    },
  }
}

export const resultOperations = [
  devopsOperation(
    'Timeline_Get',
    { method: 'GET', path: `${BUILD}/timeline/:timelineId?`, permission },
    ({ params }, context) => timeline(context, params),
  ),
  devopsOperation(
    'Builds_Get Build Logs',
    { method: 'GET', path: `${BUILD}/logs`, permission },
    async ({ params }, context) => {
      const { row, url } = await openRun(context, params)
      const logs = await listLogs(context.devops, row.id)
      return listReply(logs.map((log) => logToWire(log, url)))
    },
  ),
  devopsOperation(
    'Builds_Get Build Log',
    { method: 'GET', path: `${BUILD}/logs/:logId`, permission },
    async ({ params, query, headers }, context) => {
      const { row } = await openRun(context, params)
      const key = { runId: row.id, logId: readId(params.logId, 'log id') }
      const [first, last] = [findCount(query, 'startLine'), findCount(query, 'endLine')]
      const lines = await readLog(context.devops, key, first, last)
      return logReply(lines, headers.accept)
    },
  ),
  devopsOperation(
    'Attachments_List',
    { method: 'GET', path: `${BUILD}/attachments/:type`, permission },
    async ({ params }, context) => {
      const { row, url } = await openRun(context, params)
      const rows = await context.devops.db.query
        .selectFrom('devops_attachment')
        .select(['record_id', 'type', 'name'])
        .where('run_id', '=', row.id)
        .where('type', '=', params.type)
        .orderBy('name')
        .execute()
      return listReply(
        rows.map(({ record_id, type, name }) => {
          const place = `${row.timeline_id}/${record_id}/attachments/${type}`
          return { name, _links: { self: { href: `${url}/${place}/${encodeURIComponent(name)}` } } }
        }),
      )
    },
  ),
  devopsOperation(
    'Attachments_Get',
    {
      method: 'GET',
      path: `${BUILD}/:timelineId/:recordId/attachments/:type/:name`,
      permission,
    },
    async ({ params }, context) => {
      const { row } = await openRun(context, params)
      const bytes = await readAttachment(context.devops, row.id, params)
      return { status: 200, bytes, headers: { 'content-type': 'application/octet-stream' } }
    },
  ),
  devopsOperation(
    'Artifacts_List',
    { method: 'GET', path: `${BUILD}/artifacts`, permission },
    async ({ params, query }, context) => {
      const { row, url } = await openRun(context, params)
      const name = query.get('artifactName')
      if (name === null || name === '') {
        const all = await listArtifacts(context.devops, row.id)
        return listReply(all.map((artifact) => artifactToWire(artifact, row.id, url)))
      }
      if (query.get('$format')?.toLowerCase() === 'zip') {
        return zipReply(context.devops, row.id, name)
      }
      const artifact = await readArtifact(context.devops, row.id, name)
      return json(200, artifactToWire(artifact, row.id, url))
    },
  ),
]
