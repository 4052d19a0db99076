import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CompletionItem, Hover, Location } from 'vscode-languageserver/node'
import { type EditorSession, startEditor } from './testing/editor-session.ts'

let folder: string
let editor: EditorSession

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'sluice-editor-')))
  mkdirSync(path.join(folder, 'ci'))
  mkdirSync(path.join(folder, '.git'))
  writeFileSync(
    path.join(folder, 'ci/steps.yml'),
    'parameters:\n- name: size\n  type: number\nsteps:\n- script: echo\n',
  )
  writeFileSync(path.join(folder, 'ci/broken.yml'), 'steps:\n- script: echo\n  enbled: true\n')
  editor = await startEditor(folder)
})

afterAll(async () => {
  await editor.end()
  rmSync(folder, { recursive: true, force: true })
})

const isClean = (list: readonly unknown[]) => list.length === 0

test('the server says what it can do', () => {
  expect(editor.capabilities).toMatchObject({
    textDocumentSync: { openClose: true, change: 2 },
    hoverProvider: true,
    definitionProvider: true,
  })
})

test('problems come and go as the text changes', async () => {
  await editor.open('a.yml', 'steps:\n- scrpt: echo\n')
  const [problem] = await editor.diagnostics('a.yml', (list) => list.length > 0)
  expect(problem).toMatchObject({
    source: 'sluice',
    severity: 1,
    range: { start: { line: 1, character: 2 }, end: { line: 1, character: 7 } },
  })
  expect(problem?.message).toMatch(/Unexpected value 'scrpt'\nDid you mean 'script'\?/)
  await editor.change('a.yml', { line: 1, from: 2, to: 7, text: 'script' })
  expect(await editor.diagnostics('a.yml', isClean)).toEqual([])
})

test('keys are completed with the range they replace', async () => {
  await editor.open('b.yml', 'steps:\n- scr\n')
  const items = await editor.client.sendRequest<CompletionItem[]>('textDocument/completion', {
    textDocument: { uri: editor.uri('b.yml') },
    position: { line: 1, character: 5 },
  })
  expect(items.find(({ label }) => label === 'script')).toMatchObject({
    kind: 10,
    textEdit: {
      newText: 'script: ',
      range: { start: { line: 1, character: 2 }, end: { line: 1, character: 5 } },
    },
  })
})

test('inputs of built-in tasks are offered', async () => {
  await editor.open('c.yml', 'steps:\n- task: AzureKeyVault@2\n  inputs:\n    \n')
  const items = await editor.client.sendRequest<CompletionItem[]>('textDocument/completion', {
    textDocument: { uri: editor.uri('c.yml') },
    position: { line: 3, character: 4 },
  })
  const labels = items.map(({ label }) => label)
  expect(labels).toEqual(expect.arrayContaining(['KeyVaultName', 'SecretsFilter', 'RunAsPreJob']))
})

test('hover and definition answer from templates on the disk', async () => {
  await editor.open('ci/d.yml', 'steps:\n- template: steps.yml\n  parameters:\n    size: 3\n')
  const at = (line: number, character: number) => ({
    textDocument: { uri: editor.uri('ci/d.yml') },
    position: { line, character },
  })
  const hover = await editor.client.sendRequest<Hover>('textDocument/hover', at(3, 5))
  expect(hover.contents).toMatchObject({
    kind: 'markdown',
    value: expect.stringContaining('Type number.'),
  })
  const places = await editor.client.sendRequest<Location[]>('textDocument/definition', at(3, 5))
  expect(places).toEqual([
    {
      uri: editor.uri('ci/steps.yml'),
      range: { start: { line: 1, character: 8 }, end: { line: 1, character: 12 } },
    },
  ])
})

test('a problem of a template is shown in the template, and leaves with its pipeline', async () => {
  await editor.open('ci/f.yml', 'steps:\n- template: broken.yml\n')
  const [problem] = await editor.diagnostics('ci/broken.yml', (list) => list.length > 0)
  expect(problem?.message).toContain("'enbled'")
  await editor.client.sendNotification('textDocument/didClose', {
    textDocument: { uri: editor.uri('ci/f.yml') },
  })
  expect(await editor.diagnostics('ci/broken.yml', isClean)).toEqual([])
})

test('a parameter without a default is no problem while the file is written', async () => {
  await editor.open('e.yml', 'parameters:\n- name: n\n  type: number\nsteps:\n- scrpt: a\n')
  const list = await editor.diagnostics('e.yml', (all) => all.length > 0)
  expect(list.map(({ code }) => code)).toEqual(['unexpected-key'])
})

test('the server leaves with exit code 0', async () => {
  const other = await startEditor(folder)
  expect(await other.end()).toBe(0)
})
