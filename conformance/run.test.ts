import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Estate, runProgram } from './harness.ts'

const estate = new Estate()
afterAll(() => estate.remove())

const LIMIT_MS = 60_000
const hasPython =
  (await runProgram('python3', ['-c', 'import pty']).catch(() => undefined))?.code === 0

/** What the steps themselves printed, without the words of the agent around it. */
function printed(stdout: string): string[] {
  return stdout.split('\n').filter((line) => line.startsWith('> '))
}

const choices = `
parameters:
  - name: size
    default: small
stages:
  - stage: A
    jobs:
      - job: One
        steps:
          - bash: |
              echo "> one $(who) \${{ parameters.size }}"
              echo content > $(Build.ArtifactStagingDirectory)/file.txt
          - publish: $(Build.ArtifactStagingDirectory)/file.txt
            artifact: drop
      - job: Two
        steps:
          - bash: echo "> two"
  - stage: B
    dependsOn: []
    jobs:
      - job: Three
        steps:
          - bash: echo "> three"
`

test(
  'variables, parameters, one stage, one job and the folder of artifacts are chosen by options',
  async () => {
    const cwd = estate.folder('choices', { 'ci/build.yml': choices })
    const out = path.join(cwd, 'out')
    const options = ['--var', 'who=me', '--parameter', 'size=big', '--stage', 'A', '--job', 'One']
    const { code, stdout, stderr } = await estate.sluice(
      ['run', 'ci/build.yml', ...options, '--output-dir', out],
      { cwd },
    )
    expect([code, printed(stdout)]).toEqual([0, ['> one me big']])
    expect(stderr).toBe(`Saved drop: 1 file in ${path.join(out, 'drop')}\n`)
    expect(readFileSync(path.join(out, 'drop/file.txt'), 'utf8')).toBe('content\n')
  },
  LIMIT_MS,
)

test(
  'with several jobs each line in a pipe begins with the name of its job, and nothing is drawn',
  async () => {
    const cwd = estate.folder('jobs', { 'azure-pipelines.yml': choices })
    const { code, stdout } = await estate.sluice(['run', '--var', 'who=all'], { cwd })
    expect(code).toBe(0)
    for (const line of ['[One] > one all small', '[Two] > two', '[Three] > three'])
      expect(stdout.split('\n')).toContain(line)
    expect(stdout).not.toContain('\u001b')
    expect(stdout).not.toContain('[…]')
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('Run succeeded.')
  },
  LIMIT_MS,
)

test.each([
  ['steps: [{ bash: exit 0 }]', 0, 'Run succeeded.'],
  ['steps: [{ bash: exit 3 }]', 1, "Bash: Bash exited with code '3'.\nRun failed."],
  ['steps: [{ bash: exit 3, continueOnError: true }]', 0, 'Run succeeded with issues.'],
])(
  'the exit code of a run is its result: %s',
  async (yaml, code, words) => {
    const cwd = estate.folder(`result-${yaml.length}`, { 'azure-pipelines.yml': yaml })
    const outcome = await estate.sluice(['run'], { cwd })
    expect(outcome.code).toBe(code)
    expect(outcome.stdout).toContain(words)
  },
  LIMIT_MS,
)

test.each([
  [['run'], /There is no azure-pipelines\.yml or azure-pipelines\.yaml in .*sluice run FILE/],
  [['run', 'missing.yml'], /There is no file missing\.yml/],
])('%j in an empty folder is a wrong use', async (args, words) => {
  const { code, stderr } = await estate.sluice(args, { cwd: estate.home })
  expect(code).toBe(2)
  expect(stderr).toMatch(words)
})

test(
  'the source is the working tree: changed and new files come, ignored ones and the data directory do not',
  async () => {
    const cwd = estate.folder('tree', {
      'azure-pipelines.yml':
        'steps: [{ bash: "cat committed.txt; find . -type f | sort | sed \'s/^/> /\'" }]\n',
      'committed.txt': 'old\n',
      '.gitignore': '*.log\n',
      'link-target/file.txt': 'x',
    })
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=e@e', ...args], { cwd })
    git('init', '-q')
    git('add', '.')
    git('commit', '-qm', 'first')
    estate.folder('tree', {
      'committed.txt': '> changed\n',
      'new.txt': 'n',
      'noise.log': 'ignored',
    })
    const data = path.join(cwd, 'data')
    for (const _ of [1, 2]) {
      const { code, stdout } = await estate.sluice(['run', '--data', data], { cwd })
      expect(code).toBe(0)
      expect(printed(stdout)).toEqual([
        '> changed',
        '> ./.gitignore',
        '> ./azure-pipelines.yml',
        '> ./committed.txt',
        '> ./link-target/file.txt',
        '> ./new.txt',
      ])
    }
    expect(existsSync(path.join(data, 'root.key'))).toBe(true)
    expect(readdirSync(path.join(data, 'work'))).toEqual([])
    rmSync(path.join(cwd, '.git'), { recursive: true })
    const { stdout } = await estate.sluice(['run', '--data', data], { cwd })
    expect(printed(stdout)).toContain('> ./noise.log')
    expect(stdout).not.toContain('root.key')
  },
  LIMIT_MS,
)

test.skipIf(!hasPython)(
  'in a terminal (made with python3) the log scrolls above a live tree of steps',
  async () => {
    const yaml = `
steps:
  - bash: sleep 0.6; echo "> slow"
    displayName: first
  - bash: exit 4
    displayName: second
  - bash: echo never
    displayName: third
`
    const cwd = estate.folder('live', { 'azure-pipelines.yml': yaml })
    const { code, stdout } = await estate.inTerminal(['run'], { cwd })
    expect(code).toBe(1)
    expect(stdout.replaceAll(/\d+/g, 'N')).toContain('\u001b[NA\u001b[J')
    expect(stdout).toMatch(/[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] first/)
    expect(stdout).toContain('○ second')
    expect(stdout).toContain("\u001b[31m##[error]Bash exited with code '4'.")
    const last = stdout.slice(stdout.lastIndexOf('\u001b[J')).replaceAll('\r', '')
    expect(last).toMatch(
      /✗ Job.*\n {2}✓ Initialize job.*\n(.*\n)? {2}✓ first.*\n {2}✗ second.*\n {2}– third/,
    )
    expect(last).toMatch(/Run failed\.\n$/)
  },
  LIMIT_MS,
)

const SECRET = 'pieces-of-canary-8471'

test(
  'a secret variable is masked whole, in pieces, by lines, and a secret of the job as base64',
  async () => {
    const multiLine = 'first-line-canary\nsecond-line-canary'
    const yaml = `
steps:
  - bash: |
      printf '##vso[task.setvariable variable=token;issecret=true]%s\\n' "$(head -c 99 token.txt)"
      printf '##vso[task.setvariable variable=pem;issecret=true]first-line-canary%%0Asecond-line-canary\\n'
    env: { SYSTEM_UNSAFEALLOWMULTILINESECRET: 'true' }
  - bash: |
      echo "> whole $TOKEN"
      printf '> pieces '; for i in $(seq 0 3 30); do printf '%s' "\${TOKEN:$i:3}"; sleep 0.02; done; echo
      printf '%s\\n' "$PEM" | sed 's/^/> /'
      echo "> base64 $(printf '%s' "$JOB_SECRET" | base64 -w0)"
      echo "##[error]$TOKEN"
    env: { TOKEN: $(token), PEM: $(pem), JOB_SECRET: $(System.AccessToken) }
`
    const cwd = estate.folder('masked', { 'azure-pipelines.yml': yaml, 'token.txt': SECRET })
    const { code, stdout, stderr } = await estate.sluice(['run'], {
      cwd,
      env: { SYSTEM_UNSAFEALLOWMULTILINESECRET: 'true' },
    })
    expect([code, stderr]).toEqual([0, ''])
    const said = stdout.slice(stdout.lastIndexOf('Starting Command Output'))
    expect(printed(said)).toEqual(['> whole ***', '> pieces ***', '> ***', '> ***', '> base64 ***'])
    for (const text of [SECRET, ...multiLine.split('\n')]) expect(said).not.toContain(text)
  },
  LIMIT_MS,
)

test(
  'a run leaves nothing of its workspace',
  async () => {
    writeFileSync(path.join(estate.home, 'one.yml'), 'steps: [{ bash: echo secret > left.txt }]')
    expect((await estate.sluice(['run', 'one.yml'], { cwd: estate.home })).code).toBe(0)
    expect(readdirSync(path.join(estate.data, 'work'))).toEqual([])
  },
  LIMIT_MS,
)
