import { expect, test } from 'vitest'
import type { BranchTrigger, IncludeExclude } from '../plan.ts'
import { admitPush, findSkipMarker, type Push, shouldRunForPush } from './push.ts'

function filter(include: string[], exclude: string[] = []): IncludeExclude {
  return { include, exclude }
}

function trigger(filters: Omit<BranchTrigger, 'batch'>): BranchTrigger {
  return { batch: false, ...filters }
}

function push(
  ref: string,
  changedPaths: Push['changedPaths'] = ['a.txt'],
  message = 'change',
): Push {
  return {
    ref: ref.startsWith('refs/') ? ref : `refs/heads/${ref}`,
    changedPaths,
    messages: [message],
  }
}

function runs(filters: Omit<BranchTrigger, 'batch'>, what: Push): boolean {
  return shouldRunForPush(trigger(filters), what).run
}

test.each([
  ['main', 'main', true],
  ['main', 'Main', false],
  ['main', 'main2', false],
  ['releases/*', 'releases/old/1', true],
  ['releases/*', 'releases', false],
  ['*', 'any/where', true],
  ['*-fix', 'a/b-fix', true],
  ['fe?ture', 'feature', true],
  ['fe?ture', 'feaature', false],
  ['feature/*/x*', 'feature/a/b/x9', true],
  ['refs/heads/main', 'main', true],
  ['/main', 'main', true],
  ['a.c', 'abc', false],
])('the pattern %s on the branch %s: %s', (pattern, branch, run) => {
  expect(runs({ branches: filter([pattern]) }, push(branch))).toBe(run)
})

test('a pattern of many stars is judged quickly', () => {
  expect(runs({ branches: filter([`${'*a'.repeat(5_000)}b`]) }, push('a'.repeat(10_000)))).toBe(
    false,
  )
})

test.each([
  ['exclude only: other branches run', filter([], ['old/*']), 'new', true],
  ['exclude only: the excluded do not', filter([], ['old/*']), 'old/1', false],
  ['exclusion wins over an equal include', filter(['main'], ['main']), 'main', false],
  ['exclusion wins over a wider include', filter(['*'], ['dev']), 'dev', false],
  ['exclusion wins over a closer include', filter(['old/keep'], ['old/*']), 'old/keep', false],
  ['both lists count', filter(['a/*'], ['a/b']), 'a/c', true],
])('%s', (_, branches, branch, run) => {
  expect(runs({ branches }, push(branch))).toBe(run)
})

test.each([
  ['a tag with branches only', { branches: filter(['*']) }, 'refs/tags/v1', false],
  ['a tag with an exclude only', { branches: filter([], ['x']) }, 'refs/tags/v1', false],
  ['a tag with tags', { tags: filter(['v*']) }, 'refs/tags/v1', true],
  ['another tag', { tags: filter(['v*']) }, 'refs/tags/w1', false],
  ['an excluded tag', { tags: filter(['v*'], ['v1']) }, 'refs/tags/v1', false],
  ['tags by exclude only', { tags: filter([], ['v1']) }, 'refs/tags/v2', true],
  ['a tag in full', { tags: filter(['refs/tags/v*']) }, 'refs/tags/v1', true],
  ['a tag among the branches', { branches: filter(['refs/tags/v*']) }, 'refs/tags/v1', true],
  ['a branch with tags only', { tags: filter(['v*']) }, 'refs/heads/main', false],
  ['a branch named like a tag', { tags: filter(['v*']) }, 'refs/heads/v1', false],
  ['a branch beside tags', { tags: filter(['v*']), branches: filter(['m*']) }, 'main', true],
  [
    'a tag beside a path filter',
    { tags: filter(['v*']), paths: filter(['x']) },
    'refs/tags/v1',
    true,
  ],
])('tags and branches are independent: %s', (_, filters, ref, run) => {
  expect(runs(filters, push(ref))).toBe(run)
})

test.each([
  ['a file', filter(['docs/a.md']), 'docs/a.md', true],
  ['case', filter(['Docs']), 'docs/a.md', false],
  ['a folder', filter(['docs']), 'docs/b/a.md', true],
  ['a folder with a slash', filter(['docs/']), 'docs/b/a.md', true],
  ['a leading slash', filter(['/docs']), 'docs/a.md', true],
  ['no half names', filter(['docs']), 'docs2/a.md', false],
  ['one star stays in its folder', filter(['docs/*.md']), 'docs/b/a.md', false],
  ['one star', filter(['docs/*.md']), 'docs/a.md', true],
  ['a star that names a folder', filter(['docs/*']), 'docs/b/a.md', true],
  ['two stars', filter(['src/**/my*']), 'src/a/b/my.txt', true],
  ['two stars for nothing', filter(['src/**/my*']), 'src/my.txt', true],
  ['two stars at the beginning', filter(['**/*.md']), 'a/b/c.md', true],
  ['a question mark', filter(['a?.txt']), 'ab.txt', true],
  ['all', filter(['*']), 'a/b', true],
  ['exclude only', filter([], ['docs']), 'src/a', true],
  ['excluded', filter([], ['docs']), 'docs/a', false],
  ['exclude wins over the same', filter(['docs'], ['docs']), 'docs/a', false],
  ['exclude wins over a wider include', filter(['src'], ['src/a']), 'src/a/x', false],
  ['exclude by extension wins', filter(['docs'], ['**/*.md']), 'docs/a.md', false],
  ['a deeper include below an exclude', filter(['src/a/**'], ['src/']), 'src/a/x', true],
  ['what is not below the deeper include', filter(['src/a/**'], ['src/']), 'src/b/x', false],
  ['an include below all', filter(['src'], ['*']), 'src/a', true],
])('paths: %s', (_, paths, path, run) => {
  expect(runs({ paths }, push('any', [path]))).toBe(run)
})

test('one changed file that counts is enough, and a branch that is out stays out', () => {
  const paths = filter(['src'])
  expect(runs({ paths }, push('any', ['a', 'b', 'src/c']))).toBe(true)
  expect(runs({ paths, branches: filter(['main']) }, push('dev', ['src/c']))).toBe(false)
})

test.each([
  ['with path filters and no changes', { paths: filter(['src']) }, undefined, false],
  ['with path filters and matching changes', { paths: filter(['src']) }, ['src/a'], true],
  ['with path filters and other changes', { paths: filter(['src']) }, ['docs/a'], false],
  ['without path filters', { branches: filter(['*']) }, undefined, true],
])('a new branch %s', (_, filters, changedPaths, run) => {
  const what = { ref: 'refs/heads/new', changedPaths, messages: [] }
  expect(runs(filters, what)).toBe(run)
})

test.each([
  ['***NO_CI***', true],
  ['fix [skip ci]', true],
  ['fix\n\n[ci skip]', true],
  ['skip-checks: true', true],
  ['skip-checks:true', true],
  ['[skip azurepipelines]', true],
  ['[azurepipelines skip]', true],
  ['[skip azpipelines]', true],
  ['[azpipelines skip]', true],
  ['[skip azp]', true],
  ['[azp skip]', true],
  ['[Skip CI]', true],
  ['skip ci', false],
  ['[skip cider]', false],
  ['skip-checks: false', false],
])('the commit message %j asks for no run: %s', (message, skips) => {
  expect(findSkipMarker(message) !== undefined).toBe(skips)
  expect(runs({}, push('main', ['a'], message))).toBe(!skips)
})

test.each([
  ['none' as const, {}, push('main'), "The pipeline says 'trigger: none'."],
  [undefined, {}, push('main'), 'Without a trigger, every branch starts a run.'],
  [
    undefined,
    { impliedTriggers: false },
    push('main'),
    'The pipeline has no trigger, and implied triggers are turned off.',
  ],
  [undefined, {}, push('refs/tags/v1'), "The trigger names no tags, and 'v1' is a tag."],
  [undefined, {}, push('refs/pull/1/merge'), "'refs/pull/1/merge' is no branch and no tag."],
  [
    trigger({ branches: filter(['main', 'releases/*']) }),
    {},
    push('dev'),
    "The branch 'dev' is not among the included: 'main', 'releases/*'.",
  ],
  [
    trigger({ branches: filter(['*'], ['de*']) }),
    {},
    push('dev'),
    "The branch 'dev' is excluded by 'de*'.",
  ],
  [
    trigger({ paths: filter(['src'], ['src/docs']) }),
    {},
    push('dev', ['src/docs/a']),
    "No changed file counts: included are 'src', excluded are 'src/docs'.",
  ],
  [
    trigger({ branches: filter(['de*']), paths: filter(['src']) }),
    {},
    push('dev', ['src/a']),
    "The branch 'dev' is included by 'de*'. The change of 'src/a' counts.",
  ],
  [undefined, {}, push('dev', [], 'x [skip ci]'), "A commit message holds '[skip ci]'."],
])('the verdict says why: %#', (given, settings, what, reason) => {
  expect(shouldRunForPush(given, what, settings).reason).toBe(reason)
})

test.each([
  [true, true, { start: false, buildReason: 'BatchedCI' }],
  [true, false, { start: true, buildReason: 'BatchedCI' }],
  [false, true, { start: true, buildReason: 'IndividualCI' }],
])('batch %s while a run is in progress (%s)', (batch, inProgress, admission) => {
  expect(admitPush({ batch }, inProgress)).toMatchObject(admission)
})
