import { expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { storedValues } from '../storage/sealed-columns.ts'
import { putConnection, readConnectionWish } from './connections/connections.ts'
import { createGroup, readGroupWish } from './library/groups.ts'
import { writePipelineVariables } from './pipelines/pipelines-store.ts'
import { devopsSealedColumns } from './sealed-columns.ts'
import {
  ADMINISTRATOR,
  leaseOf,
  NOON,
  openTestDevops,
  startAgent,
  type TestDevops,
  watchToEnd,
  writeSource,
} from './testing.ts'

const YAML = `
variables:
- group: Plain
jobs:
- job: A
  steps:
  - script: echo
    name: s
`

/** One of everything that the room seals. */
async function fill(devops: TestDevops): Promise<void> {
  const { room } = devops
  const { id: projectId } = await devops.ensureProject('default')
  const parameters = { tenantid: 't', serviceprincipalid: 's', serviceprincipalkey: 'k' }
  const authorization = { scheme: 'ServicePrincipal', parameters }
  const wish = readConnectionWish({ name: 'c', type: 'azurerm', authorization })
  await putConnection(room, wish, { projectId, authorId: ADMINISTRATOR.id })
  const plain = { name: 'Plain', variables: { P: { isSecret: true, value: 'v' } } }
  const author = { id: ADMINISTRATOR.id, nowMs: NOON }
  await createGroup(room, projectId, readGroupWish(plain, NOON), author)
  const secret = { name: 'V', isSecret: true, allowOverride: false, value: new Sealed('v') }
  await room.db.write((tx) => writePipelineVariables(tx, room.sealer, 1, [secret]))

  const agent = startAgent(devops.agentApi('one'), async (job, api) => {
    const lease = leaseOf(job)
    const { logId } = await api.createLog(lease)
    await api.appendLog(lease, logId, 1, Buffer.from('line\n'))
    await api.addAttachment(lease, job.jobId, 'summary', 'X.md', Buffer.from('text'))
    return { outputs: [{ name: 'S.Token', value: new Sealed('v') }] }
  })
  const folder = writeSource(devops, { 'azure-pipelines.yml': YAML })
  const run = { folder, requestedBy: ADMINISTRATOR }
  const { runId } = await devops.queueFolderRun(run)
  await watchToEnd(devops, runId)
  await agent.stop()
  // Nobody takes this one: its body stays.
  await devops.queueFolderRun(run)
}

test('each declared column is there, and each value opens at the place that it declares', async () => {
  const devops = await openTestDevops()
  await fill(devops)
  const counts = new Map<string, number>()
  for (const column of devopsSealedColumns) {
    for await (const batch of storedValues(devops.db, column)) {
      for (const { row, sealed } of batch) {
        const opened = devops.room.sealer.openBytes(column.place(row), sealed).open()
        expect(opened.length).toBeGreaterThan(0)
        counts.set(column.table, (counts.get(column.table) ?? 0) + 1)
      }
    }
  }
  expect([...counts.keys()].sort()).toEqual(devopsSealedColumns.map(({ table }) => table).sort())
  await devops.close()
})
