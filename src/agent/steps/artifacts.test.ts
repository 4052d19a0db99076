import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { newGuid } from '../../base/ids.ts'
import { MemoryApi } from '../testing/memory-api.ts'
import { uploadFiles } from './artifacts.ts'

test('a file that cannot be read fails the upload alone, also while the server takes its time', async () => {
  const api = new MemoryApi()
  const read = api.uploadArtifactFile.bind(api)
  api.uploadArtifactFile = async (...upload) => {
    await sleep(20)
    return read(...upload)
  }
  const lease = { planId: '', requestId: 1, jobId: newGuid(), fence: 1 }
  const run = { api, lease, cancellation: { killed: new AbortController().signal } }
  const gone = { file: path.join(tmpdir(), newGuid()), path: 'gone.txt' }
  await expect(uploadFiles(run, 'drop', [gone])).rejects.toMatchObject({ code: 'ENOENT' })
})
