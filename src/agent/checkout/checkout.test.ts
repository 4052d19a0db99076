import { execFile } from 'node:child_process'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { newGuid } from '../../base/ids.ts'
import { Sealed } from '../../base/sealed.ts'
import type { JobRepository, JobStep } from '../../protocol/index.ts'
import { bashStep, jobOf, type SampleAgent, sampleAgent } from '../testing/sample-jobs.ts'
import { CHECKOUT_TASK_ID } from './layout.ts'

const LIST = 'find . -path ./.git -prune -o \\( -type f -o -type l \\) -print | sort'

function checkoutStep(inputs: Record<string, string> = {}): JobStep {
  const task = { id: CHECKOUT_TASK_ID.toUpperCase(), name: 'Checkout', version: '1' }
  const { displayName: _, ...step } = bashStep('checkout', '', { id: newGuid(), task, inputs })
  return step
}

function repositoryAt(url: string, more: Partial<JobRepository> = {}): JobRepository {
  return {
    alias: 'self',
    type: 'Folder',
    name: 'group/app',
    url,
    version: '',
    branch: 'refs/heads/main',
    ...more,
  }
}

/** A folder with files, a nested folder and a link. */
async function sources(agent: SampleAgent, name = 'sources'): Promise<string> {
  const folder = path.join(agent.folder, name)
  await mkdir(path.join(folder, 'lib'), { recursive: true })
  await mkdir(path.join(folder, 'out'))
  await writeFile(path.join(folder, 'run.sh'), 'echo hi')
  await chmod(path.join(folder, 'run.sh'), 0o755)
  await writeFile(path.join(folder, 'lib/a.txt'), 'committed')
  await writeFile(path.join(folder, 'out/ignored.txt'), 'ignored')
  await writeFile(path.join(folder, '.gitignore'), 'out/\n')
  await symlink('lib/a.txt', path.join(folder, 'link'))
  return folder
}

async function git(folder: string, ...args: string[]): Promise<string> {
  const identity = [
    '-c',
    'user.name=t',
    '-c',
    'user.email=t@t.test',
    '-c',
    'init.defaultBranch=main',
  ]
  const { stdout } = await promisify(execFile)('git', [...identity, ...args], { cwd: folder })
  return stdout.trim()
}

async function commitAll(folder: string): Promise<string> {
  await git(folder, 'init', '-q')
  await git(folder, 'add', '-A')
  await git(folder, 'commit', '-qm', 'first')
  return git(folder, 'rev-parse', 'HEAD')
}

test('a folder is copied whole when it is no working tree', async () => {
  await using agent = await sampleAgent()
  const repositories = [repositoryAt(await sources(agent))]
  const script = `${LIST}; test -x run.sh && test -L link && echo same`
  await agent.run(jobOf([checkoutStep(), bashStep('list', script)], { repositories }))

  expect(agent.api.log('list')).toContain(
    './.gitignore\n./lib/a.txt\n./link\n./out/ignored.txt\n./run.sh\nsame\n',
  )
  expect(agent.api.record('Checkout group/app@main to s')?.result).toBe('Succeeded')
})

test('of a working tree come its files as they are on disk, without the ignored ones', async () => {
  await using agent = await sampleAgent()
  const folder = await sources(agent)
  await commitAll(folder)
  await writeFile(path.join(folder, 'lib/a.txt'), 'changed')
  await writeFile(path.join(folder, 'new.txt'), 'new')
  await promisify(execFile)('rm', [path.join(folder, 'run.sh')])
  const repositories = [repositoryAt(folder)]
  await agent.run(
    jobOf([checkoutStep(), bashStep('list', `${LIST}; cat lib/a.txt`)], { repositories }),
  )

  expect(agent.api.log('list')).toContain('./.gitignore\n./lib/a.txt\n./link\n./new.txt\nchanged')
})

test('a tracked folder that became a link leads nowhere', async () => {
  await using agent = await sampleAgent()
  const folder = await sources(agent)
  await commitAll(folder)
  await mkdir(path.join(agent.folder, 'outside'))
  await writeFile(path.join(agent.folder, 'outside/a.txt'), 'outside')
  await promisify(execFile)('rm', ['-r', path.join(folder, 'lib')])
  await symlink('../outside', path.join(folder, 'lib'))
  await agent.run(
    jobOf([checkoutStep(), bashStep('list', LIST)], { repositories: [repositoryAt(folder)] }),
  )

  expect(agent.api.log('list')).toContain('./.gitignore\n./lib\n./link\n./run.sh\n')
})

test('a work folder inside the sources is not copied into itself', async () => {
  await using agent = await sampleAgent()
  await writeFile(path.join(agent.folder, 'f.txt'), '')
  await agent.run(
    jobOf([checkoutStep(), bashStep('list', LIST)], { repositories: [repositoryAt(agent.folder)] }),
  )

  expect(agent.api.log('list')).toContain('\n./f.txt\n##[section]Finishing')
})

test.each([
  { fetchDepth: '0', commits: 2 },
  { fetchDepth: '1', commits: 1 },
])(
  'a repository is cloned at its commit, to the depth $fetchDepth',
  async ({ fetchDepth, commits }) => {
    await using agent = await sampleAgent()
    const folder = await sources(agent)
    await commitAll(folder)
    await git(folder, 'commit', '-q', '--allow-empty', '-m', 'second')
    const version = await git(folder, 'rev-parse', 'HEAD')
    await git(folder, 'commit', '-q', '--allow-empty', '-m', 'third')
    const repositories = [repositoryAt(`file://${folder}`, { type: 'Git', version })]
    const show = bashStep('show', `git rev-parse HEAD; git rev-list --count HEAD; ${LIST}`)

    expect(await agent.run(jobOf([checkoutStep({ fetchDepth }), show], { repositories }))).toBe(
      'Succeeded',
    )
    expect(agent.api.log('show')).toContain(
      `${version}\n${commits}\n./.gitignore\n./lib/a.txt\n./link\n./run.sh\n`,
    )
  },
)

test('the token goes to the own server only, and neither to disk nor to the log', async () => {
  await using agent = await sampleAgent()
  const token = new Sealed('hidden-token-value')
  const endpoint = {
    id: 'sys',
    name: 'SystemVssConnection',
    type: 'x',
    url: 'http://127.0.0.1:9/',
    scheme: 'OAuth',
    parameters: { AccessToken: token },
    data: {},
  }
  // Git stands in front of the real one and shows what it was given.
  const bin = path.join(agent.folder, 'bin')
  await mkdir(bin)
  await writeFile(
    path.join(bin, 'git'),
    '#!/bin/sh\necho "$GIT_CONFIG_KEY_1 $GIT_CONFIG_VALUE_1"\n',
    {
      mode: 0o755,
    },
  )
  const settings = { ...agent.settings, environment: { PATH: `${bin}:${process.env['PATH']}` } }
  const { runJob } = await import('../job.ts')
  const repositories = [
    repositoryAt('http://127.0.0.1:9/app', { type: 'Git' }),
    repositoryAt('https://elsewhere.test/b', { type: 'Git', alias: 'b', name: 'b' }),
  ]
  const steps = [checkoutStep(), { ...checkoutStep({ repository: 'b' }), displayName: 'other' }]
  const job = jobOf(steps, { repositories, endpoints: [endpoint] })
  await runJob(agent.api, job, settings, new AbortController().signal)

  expect(agent.api.log('Checkout group/app@main to s/app')).toContain(
    'http.http://127.0.0.1:9/.extraheader AUTHORIZATION: bearer ***\n',
  )
  expect(agent.api.log('other')).not.toContain('bearer')
  expect(agent.api.everything()).not.toContain('hidden-token-value')
})

test('several checkouts go below s by name, or where their path says', async () => {
  await using agent = await sampleAgent()
  const repositories = [
    repositoryAt(await sources(agent, 'one')),
    repositoryAt(await sources(agent, 'two'), { alias: 'tools', name: 'tools' }),
  ]
  const steps = [
    checkoutStep(),
    checkoutStep({ repository: 'tools', path: 'extra/tools' }),
    bashStep('show', 'pwd; ls app ../extra/tools; echo "$BUILD_SOURCESDIRECTORY"'),
  ]
  expect(await agent.run(jobOf(steps, { repositories }))).toBe('Succeeded')

  const folder = path.join(agent.settings.workFolder, '1')
  expect(agent.api.log('show')).toContain(
    `${folder}/s\n../extra/tools:\nlib\nlink\nout\nrun.sh\n\napp:\nlib\nlink\nout\nrun.sh\n${folder}/s\n`,
  )
})

test('a single checkout with a path moves the sources directory', async () => {
  await using agent = await sampleAgent()
  const repositories = [repositoryAt(await sources(agent))]
  const steps = [checkoutStep({ path: 'code' }), bashStep('show', 'pwd; ls')]
  await agent.run(jobOf(steps, { repositories }))

  expect(agent.api.log('show')).toContain(`${agent.settings.workFolder}/1/code\nlib\n`)
})

test('checkout none leaves the folder empty', async () => {
  await using agent = await sampleAgent()
  const job = jobOf([checkoutStep({ repository: 'none' }), bashStep('show', 'ls | wc -l')])

  expect(await agent.run(job)).toBe('Succeeded')
  expect(agent.api.log('show')).toContain('0\n')
})

test.each([
  { inputs: { path: '../out' }, text: 'should resolve to a directory under' },
  { inputs: { path: '/etc' }, text: 'should resolve to a directory under' },
  { inputs: { repository: 'other' }, text: "The job has no repository resource 'other'." },
  { inputs: { persistCredentials: 'true' }, text: 'persistCredentials is not supported' },
])('a checkout with $inputs is refused', async ({ inputs, text }) => {
  await using agent = await sampleAgent()
  const repositories = [repositoryAt(await sources(agent))]
  const step = { ...checkoutStep(inputs as Record<string, string>), displayName: 'get' }

  expect(await agent.run(jobOf([step], { repositories }))).toBe('Failed')
  expect(agent.api.record('get')?.issues?.[0]?.message).toContain(text)
})
