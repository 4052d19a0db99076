import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { createCompileCache } from '../../compiler/index.ts'
import { diagnose } from './diagnose.ts'
import { createWorkspace } from './workspace.ts'

let base: string

beforeAll(() => {
  base = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'sluice-diagnose-')))
  mkdirSync(path.join(base, 'repo/.git'), { recursive: true })
  writeFileSync(path.join(base, 'outside.yml'), 'steps:\n- wrong: a\n')
  const pipeline = 'steps:\n- template: used.yml\n  parameters: { kind: windows }\n'
  writeFileSync(path.join(base, 'repo/azure-pipelines.yml'), pipeline)
  symlinkSync(path.join(base, 'outside.yml'), path.join(base, 'repo/link.yml'))
})

afterAll(() => rmSync(base, { recursive: true, force: true }))

/** The codes of the problems of every file, with these documents open. */
function problems(open: Readonly<Record<string, string>>): Record<string, (string | undefined)[]> {
  const uri = (file: string) => pathToFileURL(path.join(base, 'repo', file)).href
  const documents = new Map(
    Object.entries(open).map(([file, text]) => [
      uri(file),
      TextDocument.create(uri(file), '', 1, text),
    ]),
  )
  const workspace = createWorkspace({ all: () => [...documents.values()] })
  const found = diagnose([...documents.keys()], workspace, createCompileCache())
  return Object.fromEntries(
    [...found].map(([name, list]) => [
      decodeURIComponent(name.slice(uri('').length + 1)),
      list.map(({ code }) => code),
    ]),
  )
}

const USED = `parameters:
- name: kind
steps:
- \${{ if eq(parameters.kind, 'windows') }}:
  - wrong: a
`

test.each<[string, Record<string, string>, Record<string, string[]>]>([
  ['a pipeline', { 'a.yml': 'steps:\n- wrong: a\n' }, { 'a.yml': ['unexpected-key'] }],
  [
    'an open template, before what is on the disk',
    { 'a.yml': 'steps:\n- template: t.yml\n', 't.yml': 'steps:\n- wrong: a\n' },
    { 'a.yml': [], 't.yml': ['unexpected-key'] },
  ],
  [
    'a template of the pipeline of the repository, with its parameters',
    { 'used.yml': USED },
    { 'used.yml': ['unexpected-key'] },
  ],
  [
    'a template of variables alone',
    { 'v.yml': 'variables:\n- nme: a\n' },
    { 'v.yml': ['unexpected-key'] },
  ],
  [
    'a template with parameters in the older form',
    { 'o.yml': `parameters:\n  a: 1\njobs:\n- job: a\n  \${{ if parameters.a }}:\n    wrong: b\n` },
    { 'o.yml': ['unexpected-key'] },
  ],
  [
    'a template behind a link that leads out',
    { 'a.yml': 'steps:\n- template: link.yml\n' },
    { 'a.yml': ['file-not-found'] },
  ],
  [
    'no other YAML',
    { 'pod.yml': 'kind: Pod\n', 'new.yml': '\n' },
    { 'pod.yml': [], 'new.yml': [] },
  ],
])('problems are found in %s', (_what, open, wanted) => {
  expect(problems(open)).toEqual(wanted)
})
