import { expect, test } from 'vitest'
import { type CompileRequest, compile } from '../compile.ts'
import {
  type CompletedRun,
  pipelineResourceVariables,
  refForCompletion,
  shouldRunForPipeline,
} from './pipeline-completion.ts'
import { cancelsOlderRuns, shouldRunForPullRequest } from './pull-request.ts'

function planOf(text: string) {
  const request: CompileRequest = {
    file: 'p.yml',
    readFile: () => `${text}\nsteps: [{ script: a }]`,
  }
  const { plan, diagnostics } = compile(request)
  if (!plan) throw new Error(diagnostics[0]?.message)
  return plan
}

const onGitHub = {
  repositoryType: 'github' as const,
  targetRef: 'main',
  changedPaths: ['src/a'],
  isDraft: false,
}

test.each([
  ['', {}, true],
  ['pr: none', {}, false],
  ['pr: [main]', {}, true],
  ['pr: [dev]', {}, false],
  ['pr: [main]', { targetRef: 'refs/heads/main' }, true],
  ['pr: { branches: { exclude: [main] } }', {}, false],
  ['pr: { paths: { include: [src] } }', {}, true],
  ['pr: { paths: { exclude: [src] } }', {}, false],
  ['pr: { branches: [main], paths: [docs] }', {}, false],
  ['', { isDraft: true }, true],
  ['pr: { drafts: true }', { isDraft: true }, true],
  ['pr: { drafts: false }', { isDraft: true }, false],
  ['pr: { drafts: false }', {}, true],
  ['', { repositoryType: 'git' as const }, false],
  ['pr: [main]', { repositoryType: 'git' as const }, false],
])('%j with %j starts a run for a pull request: %s', (text, event, run) => {
  const verdict = shouldRunForPullRequest(planOf(text).pr, { ...onGitHub, ...event })
  expect(verdict.run).toBe(run)
  expect(verdict.reason).toMatch(/^\S.*\.$/)
})

test.each([
  ['', true],
  ['pr: { autoCancel: false }', false],
  ['pr: [main]', true],
  ['pr: none', false],
])('new commits cancel older runs with %j: %s', (text, cancels) => {
  expect(cancelsOlderRuns(planOf(text).pr)).toBe(cancels)
})

const run: CompletedRun = {
  project: 'Shop',
  pipeline: 'Lib',
  folder: '\\team\\core',
  ref: 'refs/heads/releases/1',
  stages: ['Build', 'Test'],
  tags: ['good', 'signed'],
  hasSucceeded: true,
}

test.each([
  ['source: lib, trigger: true', {}, true],
  ['source: LIB, trigger: true', {}, true],
  ['source: other, trigger: true', {}, false],
  ['source: team\\core\\lib, trigger: true', {}, true],
  ['source: \\team\\core\\lib, trigger: true', {}, true],
  ['source: core\\lib, trigger: true', {}, false],
  ['source: lib, project: Other, trigger: true', {}, false],
  ['source: lib, project: shop, trigger: true', {}, true],
  ['source: lib', {}, false],
  ['source: lib, trigger: none', {}, false],
  ['source: lib, trigger: { enabled: false }', {}, false],
  ['source: lib, trigger: { enabled: true }', {}, true],
  ['source: lib, trigger: { branches: [releases/*] }', {}, true],
  ['source: lib, trigger: { branches: [main] }', {}, false],
  ['source: lib, trigger: { branches: { exclude: [releases/*] } }', {}, false],
  ['source: lib, trigger: { stages: [Build, test] }', {}, true],
  ['source: lib, trigger: { stages: [Build, Deploy] }', {}, false],
  ['source: lib, trigger: { stages: [Build] }', { hasSucceeded: false }, true],
  ['source: lib, trigger: true', { hasSucceeded: false }, false],
  ['source: lib, trigger: { tags: [good, Signed] }', {}, true],
  ['source: lib, trigger: { tags: [good, fast] }', {}, false],
])('a pipeline resource { %s } is triggered by a run with %j: %s', (text, more, triggers) => {
  const plan = planOf(`resources: { pipelines: [{ pipeline: up, ${text} }] }`)
  const [resource] = plan.resources.pipelines
  if (!resource) throw new Error('The plan lacks the resource.')
  const verdict = shouldRunForPipeline(resource, { ...run, ...more }, 'Shop')
  expect(verdict.run).toBe(triggers)
  expect(verdict.reason).toMatch(/^\S.*\.$/)
})

test('a triggered pipeline runs on its default branch, or on the same branch of the same repository', () => {
  const defaultRef = 'refs/heads/main'
  expect(refForCompletion(run, { isSameRepository: false, defaultRef })).toBe(defaultRef)
  expect(refForCompletion(run, { isSameRepository: true, defaultRef })).toBe(run.ref)
})

test('the triggering run is told in variables', () => {
  expect(pipelineResourceVariables('up', { runID: '7', sourceBranch: 'refs/heads/x' })).toEqual({
    'resources.pipeline.up.runID': '7',
    'resources.pipeline.up.sourceBranch': 'refs/heads/x',
  })
})
