import { expect, test } from 'vitest'
import { mayBePipeline } from './recognise.ts'

test.each([
  ['a.yml', 'steps:\n- script: a', true],
  ['a.yml', 'parameters:\n- name: a', true],
  ['a.yml', '', true],
  ['a.yml', 'st', true],
  ['ci/azure-pipelines.release.yml', 'apiVersion: v1', true],
  ['a.yml', 'apiVersion: v1\nkind: Pod\nspec: {}', false],
  ['compose.yml', 'services:\n  web: {}\nvolumes: {}', false],
  ['playbook.yml', '- hosts: all\n  tasks: []', false],
  ['.github/workflows/ci.yml', 'on: push\njobs: {}', false],
])('%s with %j may be a pipeline: %s', (file, text, wanted) => {
  expect(mayBePipeline({ file, text })).toBe(wanted)
})
