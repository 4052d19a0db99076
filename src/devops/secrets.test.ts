import { globSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { Sealed } from '../base/sealed.ts'
import { putConnection, readConnectionWish } from './connections/connections.ts'
import { createGroup, readGroupWish } from './library/groups.ts'
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

const opened: TestDevops[] = []
afterAll(async () => {
  for (const devops of opened) await devops.close()
})

const SECRETS = {
  key: 'SP-KEY-7f3a91c2',
  group: 'GROUP-5e8d20b4',
  queue: 'QUEUE-a94c11d8',
  output: 'OUTPUT-3b6f77e0',
  log: 'LOG-LINE-cc18a25f',
  artifact: 'ARTIFACT-90d1e6b7',
} as const

/** Every file below the data folder that holds one of the secrets, in any common encoding. */
function findLeaks(folder: string): string[] {
  return globSync('**/*', { cwd: folder }).flatMap((name) => {
    const file = path.join(folder, name)
    if (!statSync(file).isFile()) return []
    const bytes = readFileSync(file)
    return Object.values(SECRETS).flatMap((secret) => {
      const forms = [secret, Buffer.from(secret).toString('base64').slice(0, -2)]
      const wide = Buffer.from(secret, 'utf16le')
      const found = bytes.includes(wide) || forms.some((form) => bytes.includes(form))
      return found ? [`${name}: ${secret}`] : []
    })
  })
}

const YAML = `
variables:
- group: Vault
- group: Plain
jobs:
- job: A
  steps:
  - script: echo
    name: s
- job: B
  dependsOn: A
  variables:
    carried: $[ dependencies.A.outputs['s.token'] ]
  steps:
  - script: echo $(carried)
`

test('after a run with linked groups and secret variables no file holds a secret', async () => {
  const devops = await openTestDevops()
  opened.push(devops)
  const { room } = devops
  const project = await devops.ensureProject('default')
  const author = { id: ADMINISTRATOR.id, nowMs: NOON }
  const connection = await putConnection(
    room,
    readConnectionWish({
      name: 'c',
      type: 'azurerm',
      authorization: {
        scheme: 'ServicePrincipal',
        parameters: { tenantid: 't', serviceprincipalid: 's', serviceprincipalkey: SECRETS.key },
      },
    }),
    { projectId: project.id, authorId: ADMINISTRATOR.id },
  )
  const vault = {
    name: 'Vault',
    type: 'AzureKeyVault',
    providerData: { serviceEndpointId: connection.id, vault: 'kv' },
    variables: { linked: { isSecret: true, value: SECRETS.group } },
  }
  await createGroup(room, project.id, readGroupWish(vault, NOON), author)
  const plain = { name: 'Plain', variables: { p: { isSecret: true, value: SECRETS.group } } }
  await createGroup(room, project.id, readGroupWish(plain, NOON), author)

  const agent = startAgent(devops.agentApi('one'), async (job, api) => {
    const lease = leaseOf(job)
    const { logId } = await api.createLog(lease)
    await api.appendLog(lease, logId, 1, Buffer.from(`${SECRETS.log}\n`))
    await api.uploadArtifactFile(
      lease,
      'drop',
      `${job.jobName}.txt`,
      Readable.from([SECRETS.artifact]),
    )
    await api.addAttachment(lease, job.jobId, 'summary', 'x.md', Buffer.from(SECRETS.log))
    return { outputs: [{ name: 's.token', value: new Sealed(SECRETS.output) }] }
  })
  const folder = writeSource(devops, { 'azure-pipelines.yml': YAML })
  const { runId } = await devops.queueFolderRun({
    folder,
    requestedBy: ADMINISTRATOR,
    variables: [{ name: 'q', value: new Sealed(SECRETS.queue), isSecret: true }],
  })
  const events = await watchToEnd(devops, runId)
  await agent.stop()
  expect(events.at(-1)).toEqual({ kind: 'finished', result: 'Succeeded' })
  const values = Object.values(agent.jobs[1]?.variables ?? {}).flatMap(({ value }) =>
    value instanceof Sealed ? [value.open()] : [],
  )
  expect(values).toEqual(expect.arrayContaining([SECRETS.group, SECRETS.queue, SECRETS.output]))
  expect(agent.jobs[1]?.variables['linked']).toMatchObject({ value: undefined, isSecret: true })
  expect(findLeaks(devops.folder)).toEqual([])
  const shown = JSON.stringify([agent.jobs, events])
  expect(Object.values(SECRETS).filter((secret) => shown.includes(secret))).toEqual([])
})
