import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { Estate, runProgram } from './harness.ts'

const estate = new Estate()
afterAll(() => estate.remove())

const LIMIT_MS = 60_000
const hasPython =
  (await runProgram('python3', ['-c', 'import pty']).catch(() => undefined))?.code === 0

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // A zombie that nobody has waited for is dead as well.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** The process ids that steps wrote into a file, one a line. */
function pidsIn(file: string): number[] {
  return readFileSync(file, 'utf8').trim().split('\n').map(Number)
}

/** A step that starts a child and a grandchild, tells their ids, and would go on for a minute. */
function longRun(folder: string): string {
  return estate.folder(folder, {
    'azure-pipelines.yml': `
steps:
  - bash: |
      (sleep 61 & echo $! >> $PIDS; wait) & echo $! >> $PIDS
      echo $$ >> $PIDS; sleep 0.3; echo "> has begun"
      wait
    displayName: long
  - bash: echo "> never"
    displayName: never
  - bash: echo "> always"; touch "$MARK"
    displayName: always
    condition: always()
`,
  })
}

const marks = (folder: string) => ({
  PIDS: path.join(estate.home, folder, 'pids'),
  MARK: path.join(estate.home, folder, 'mark'),
})

function expectDead(file: string): void {
  const pids = pidsIn(file)
  expect(pids).toHaveLength(3)
  expect(pids.filter(isAlive)).toEqual([])
}

async function runsOf(): Promise<object[]> {
  return (await estate.json(['pipelines', 'runs', 'list'])) as unknown as object[]
}

test(
  'SIGINT in the middle ends children and grandchildren, runs what runs always, and exits with 130',
  async () => {
    const cwd = longRun('interrupted')
    const run = estate.start(['run'], { cwd, env: marks('interrupted') })
    await run.says('> has begun\n')
    run.child.kill('SIGINT')
    const { code, stdout, stderr } = await run.ended
    expect(code).toBe(130)
    expect(stderr).toContain('Cancelling the run; press Ctrl-C again to stop at once.')
    expect(stdout).toContain('\n> always\n')
    expect(stdout).not.toContain('\n> never\n')
    expect(stdout).toMatch(/Run canceled\.\n$/)
    expectDead(path.join(cwd, 'pids'))
    expect(existsSync(path.join(cwd, 'mark'))).toBe(true)
    expect(readdirSync(path.join(estate.data, 'work'))).toEqual([])
    expect(await runsOf()).toEqual([expect.objectContaining({ id: 1, result: 'canceled' })])

    const next = estate.folder('next', { 'azure-pipelines.yml': 'steps: [{ bash: echo fine }]' })
    expect((await estate.sluice(['run'], { cwd: next })).code).toBe(0)
  },
  LIMIT_MS,
)

test.skipIf(!hasPython)(
  'Ctrl-C typed into a terminal (made with python3) does the same',
  async () => {
    const cwd = longRun('typed')
    const { code, stdout } = await estate.inTerminal(['run'], {
      cwd,
      env: marks('typed'),
      interruptAfter: '> has begun\r\n',
    })
    expect(code).toBe(130)
    const last = stdout.slice(stdout.lastIndexOf('\u001b[J')).replaceAll('\r', '')
    expect(last).toMatch(/■ long.*\n {2}– never.*\n {2}✓ always/)
    expect(last).toMatch(/Run canceled\.\n$/)
    expectDead(path.join(cwd, 'pids'))
  },
  LIMIT_MS,
)

test(
  'a run that was killed is over after the next start, its folder is gone, and nothing else is lost',
  async () => {
    await estate.json(['group', 'create', '-n', 'kept', '-l', 'westeurope'])
    const before = (await runsOf()).length
    const cwd = longRun('killed')
    const killed = estate.start(['run'], { cwd, env: marks('killed') })
    await killed.says('> has begun\n')
    killed.child.kill('SIGKILL')
    await killed.ended
    const early = estate.start(['run'], { cwd, env: { ...marks('killed'), PIDS: '/dev/null' } })
    await early.says('Starting: Initialize job')
    early.child.kill('SIGKILL')
    await early.ended
    expect(readdirSync(path.join(estate.data, 'work'))).toHaveLength(1)

    const next = estate.folder('after', { 'azure-pipelines.yml': 'steps: [{ bash: echo fine }]' })
    expect((await estate.sluice(['run'], { cwd: next })).code).toBe(0)
    expect(readdirSync(path.join(estate.data, 'work'))).toEqual([])
    const runs = await runsOf()
    expect(runs).toHaveLength(before + 3)
    expect(runs.filter((run) => (run as { status: string }).status !== 'completed')).toEqual([])
    expect(runs.slice(0, 3)).toEqual([
      expect.objectContaining({ result: 'succeeded' }),
      expect.objectContaining({ result: 'failed' }),
      expect.objectContaining({ result: 'failed' }),
    ])
    expect(await estate.json(['group', 'list'])).toEqual([
      expect.objectContaining({ name: 'kept' }),
    ])
    for (const pid of pidsIn(path.join(cwd, 'pids')).filter(isAlive)) process.kill(pid, 'SIGKILL')
  },
  LIMIT_MS,
)

test(
  'runs at the same time on one data directory that a server serves as well keep their own jobs',
  async () => {
    await estate.up()
    const folder = (name: string) =>
      estate.folder(name, {
        'azure-pipelines.yml': `
jobs:
  - job: a
    steps: [{ bash: 'echo "> ${name} $(Build.BuildId) $(Agent.Name)"; sleep 0.5' }]
  - job: b
    dependsOn: a
    steps: [{ bash: 'echo "> ${name} $(Build.BuildId) $(Agent.Name)"' }]
`,
      })
    await estate.json([
      ...['pipelines', 'create', '--name', 'served', '--repository', folder('served')],
      '--skip-first-run',
    ])
    const outcomes = await Promise.all([
      estate.sluice(['run'], { cwd: folder('left') }),
      estate.sluice(['run'], { cwd: folder('right') }),
      estate.sluice(['pipelines', 'run', '--name', 'served', '--follow']),
    ])
    expect(outcomes.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']))
    const seen = outcomes.map(({ stdout }) =>
      [...stdout.matchAll(/> (\w+) (\d+) (local-\d+)$/gm)].map((match) => match.slice(1)),
    )
    expect(seen.map((lines) => lines.map(([name]) => name))).toEqual([
      ['left', 'left'],
      ['right', 'right'],
      ['served', 'served'],
    ])
    for (const place of [1, 2]) {
      const each = seen.map((lines) => [...new Set(lines.map((line) => line[place]))])
      expect(each.every((values) => values.length === 1)).toBe(true)
      expect(new Set(each.flat()).size).toBe(3)
    }
    await estate.json(['down'])
  },
  LIMIT_MS,
)
