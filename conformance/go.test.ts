import { cpSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeApplication } from './application.ts'
import { Estate, runProgram } from './harness.ts'
import { tryProgram } from './made-once.ts'

const estate = new Estate()
const source = path.join(import.meta.dirname, 'clients/go')
const folder = path.join(estate.home, 'go')
let missing: string | undefined

beforeAll(async () => {
  cpSync(source, folder, { recursive: true })
  const given = { cwd: folder, env: { GOFLAGS: '-mod=readonly' } }
  if (!(await tryProgram('go', ['version'], given))) missing = 'go is absent'
  else if (!(await tryProgram('go', ['mod', 'download'], given)))
    missing = 'the Go modules of conformance/clients/go/go.mod cannot be fetched'
  if (missing !== undefined) return
  const built = await runProgram('go', ['build', '-o', 'client', '.'], given)
  expect(built.stderr).toBe('')
})

afterAll(() => estate.remove())

test('Go clients (azsecrets, azkeys, azcertificates), unmodified, challenge verification on', async (context) => {
  if (missing !== undefined) return context.skip(missing)
  const env = await makeApplication(estate, 'kv-go')
  const program = path.join(folder, 'client')
  const { stdout, stderr } = await estate.sluice(['exec', '--', program], { env })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toEqual({
    newest: 'second $ ! ; @ # \' "\nline',
    pinned: 'first',
    listed: 31,
    disabled: '403 Forbidden',
    conflict: '409 Conflict',
    gone: '404 SecretNotFound',
    restored: 'v',
    signed: { RS256: true, PS256: true, ES256: true },
    verified: true,
    opened: { RSA1_5: true, 'RSA-OAEP': true, 'RSA-OAEP-256': true },
    rotated: true,
    versions: 2,
    policy: 'P90D',
    goneKey: '404 KeyNotFound',
    operation: 'completed',
    subject: 'CN=app.test',
    brought: 'CN=brought.test',
    certificates: 2,
    contacts: '404 ContactsNotFound',
  })
})
