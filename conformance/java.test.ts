import { createHash } from 'node:crypto'
import { copyFileSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeApplication } from './application.ts'
import { Estate, runProgram } from './harness.ts'
import { madeOnce, tryProgram } from './made-once.ts'

const estate = new Estate()
const source = path.join(import.meta.dirname, 'clients/java')
const classes = path.join(estate.home, 'classes')
let libraries: string | undefined
let missing: string | undefined

beforeAll(async () => {
  if (!(await tryProgram('javac', ['-version']))) missing = 'javac is absent'
  else if (!(await tryProgram('mvn', ['-version']))) missing = 'mvn is absent'
  if (missing !== undefined) return
  const pom = readFileSync(path.join(source, 'pom.xml'))
  const version = createHash('sha256').update(pom).digest('hex').slice(0, 16)
  libraries = await madeOnce(`java-${version}`, async (folder) => {
    copyFileSync(path.join(source, 'pom.xml'), path.join(folder, 'pom.xml'))
    const copy = ['-q', '-B', 'dependency:copy-dependencies', '-DoutputDirectory=.']
    return (await tryProgram('mvn', copy, { cwd: folder })) !== undefined
  })
  if (!libraries) missing = 'the packages of conformance/clients/java/pom.xml cannot be fetched'
  if (!libraries) return
  const compile = ['-cp', path.join(libraries, '*'), '-d', classes, path.join(source, 'Main.java')]
  expect(await runProgram('javac', compile)).toMatchObject({ code: 0 })
})

afterAll(() => estate.remove())

test('Java clients (secrets, keys, certificates), unmodified, challenge verification on', async (context) => {
  if (!libraries) return context.skip(missing)
  const env = await makeApplication(estate, 'kv-java')
  const start = ['java', '-cp', `${classes}:${path.join(libraries, '*')}`, 'Main']
  const { code, stdout, stderr } = await estate.sluice(['exec', '--', ...start], { env })
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({
    newest: 'second $ ! ; @ # \' "\nline',
    pinned: 'first',
    tags: { env: 'dev' },
    listed: 31,
    versions: 2,
    disabled: '403 Forbidden',
    gone: '404 SecretNotFound',
    conflict: '409 Conflict',
    restored: 'page-1',
    signed: { RS256: true, ES256: true },
    opened: { RSA1_5: true, 'RSA-OAEP': true, 'RSA-OAEP-256': true },
    rotated: true,
    keyVersions: 2,
    restoredKey: 'ec',
    subject: 'CN=app.test',
    pfx: true,
    brought: 'CN=brought.test',
    certificates: 2,
    restoredCertificate: 'app',
  })
})
