/**
 * The compiler's figures. Prints one JSON object a line: `{name, value, unit, bar (at least) or
 * atMost, peer}`. Run: `node bench/compiler.ts [--quick]`.
 */
import { execFileSync } from 'node:child_process'
import { parseDocument } from 'yaml'
import { type CompileCache, compile, createCompileCache } from '../src/compiler/index.ts'
import { median } from './figure.ts'

type Files = Readonly<Record<string, string>>

interface Bound {
  readonly bar?: number
  readonly atMost?: number
  readonly peer?: string
}

const quick = process.argv.includes('--quick')

const STEP_TEMPLATE = `parameters:
- name: title
  type: string
- name: number
  type: number
  default: 0
steps:
- bash: echo "\${{ parameters.title }} \${{ format('{0}-{1}', parameters.title, parameters.number) }}"
  displayName: \${{ parameters.title }} number \${{ parameters.number }}
  condition: and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'))
  \${{ if eq(parameters.number, 7) }}:
    continueOnError: true
  env:
    TITLE: \${{ upper(parameters.title) }}
`

const JOB_TEMPLATE = `parameters:
- name: job
  type: string
- name: titles
  type: object
jobs:
- job: \${{ parameters.job }}
  pool: Default
  steps:
  - checkout: none
  - \${{ each title in parameters.titles }}:
    - template: step.yml
      parameters:
        title: \${{ title }}
        number: 7
`

const STEPS_PER_JOB = 50

/** A pipeline that expands to `steps` steps: a template for each job, in it one for each step. */
function templated(steps: number): Files {
  const titles = Array.from({ length: STEPS_PER_JOB }, (_, i) => `title-${i}`).join(', ')
  const jobs = Array.from(
    { length: steps / STEPS_PER_JOB },
    (_, i) => `- template: job.yml\n  parameters:\n    job: job_${i}\n    titles: [${titles}]\n`,
  )
  const root = `trigger: none\njobs:\n${jobs.join('')}`
  return { 'root.yml': root, 'job.yml': JOB_TEMPLATE, 'step.yml': STEP_TEMPLATE }
}

/** A file of about `lines` lines, without templates. */
function plain(lines: number): Files {
  const step = (i: number) => `  - task: Bash@3
    displayName: Build part ${i}
    inputs:
      targetType: inline
      script: |
        echo "part ${i}"
        make --directory parts/${i} all
    env:
      PART: part-${i}
    condition: and(succeeded(), ne(variables['Build.Reason'], 'PullRequest'))
`
  const jobs = Array.from({ length: Math.ceil(lines / 103) }, (_, job) => {
    const steps = Array.from({ length: 10 }, (_unused, i) => step(job * 10 + i)).join('')
    return `- job: job_${job}\n  pool: Default\n  steps:\n${steps}`
  })
  return { 'root.yml': `trigger:\n- main\njobs:\n${jobs.join('')}` }
}

/** A root that includes 99 templates of 10 steps. */
function manyTemplates(): Record<string, string> {
  const names = Array.from({ length: 99 }, (_, i) => `part-${i}.yml`)
  const step = (i: number) =>
    `- bash: echo \${{ parameters.title }} ${i}\n  displayName: \${{ parameters.title }} ${i}\n`
  const steps = Array.from({ length: 10 }, (_, i) => step(i)).join('')
  const text = `parameters:\n- name: title\n  default: part\nsteps:\n${steps}`
  return {
    'root.yml': `steps:\n${names.map((name) => `- template: ${name}\n`).join('')}`,
    ...Object.fromEntries(names.map((name) => [name, text])),
  }
}

/** Compiles and counts the steps; more than none, or the bench is wrong. */
function stepsOf(files: Files, cache?: CompileCache): number {
  const request = {
    file: 'root.yml',
    readFile: (repository: string, path: string) =>
      repository === 'self' ? files[path] : undefined,
    ...(cache ? { cache } : {}),
  }
  const { plan, diagnostics } = compile(request)
  if (!plan) throw new Error(`It does not compile: ${diagnostics[0]?.message}`)
  return plan.stages
    .flatMap((stage) => stage.jobs)
    .reduce((sum, job) => sum + job.steps.filter(({ task }) => task.name === 'Bash').length, 0)
}

/** Milliseconds of each of `rounds` runs. */
function times(rounds: number, run: () => unknown): readonly number[] {
  return Array.from({ length: rounds }, () => {
    const startMs = performance.now()
    run()
    return performance.now() - startMs
  })
}

function print(name: string, value: number, unit: string, bound: Bound): void {
  console.log(JSON.stringify({ name, value, unit, ...bound }))
}

function ensure(found: number, wanted: number): void {
  if (found !== wanted) throw new Error(`${found} steps instead of ${wanted}.`)
}

/** The slope of the least-squares line through the logarithms: 1 when cost is linear. */
function exponentOf(points: readonly (readonly [number, number])[]): number {
  const logs = points.map(([size, ms]) => [Math.log(size), Math.log(ms)] as const)
  const meanX = logs.reduce((sum, [x]) => sum + x, 0) / logs.length
  const meanY = logs.reduce((sum, [, y]) => sum + y, 0) / logs.length
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0)
  return covariance / logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0)
}

/** One compilation in a process of its own: the best of some first, cold runs, and their most memory. */
function measureProcess(): void {
  const args = ['--disable-warning=ExperimentalWarning', import.meta.filename, '--child']
  const runs = Array.from({ length: quick ? 2 : 5 }, () => {
    const output = execFileSync(process.execPath, args, { encoding: 'utf8' })
    return JSON.parse(output) as { ms: number; mb: number }
  })
  const ms = Math.min(...runs.map((one) => one.ms))
  const mb = Math.max(...runs.map((one) => one.mb))
  const peer = `best of ${runs.length} cold processes`
  print('compiler.10000-steps', ms, 'ms', { atMost: 1_000, peer })
  print('compiler.10000-steps-memory', mb, 'MB', { atMost: 300, peer: 'peak RSS of the process' })
}

function measureGrowth(): void {
  const sizes = quick ? [1_000, 10_000, 30_000] : [1_000, 3_000, 10_000, 30_000, 100_000]
  // Small sizes must not pay for the engine's warming up, which would flatten the slope.
  stepsOf(templated(10_000))
  const points = sizes.map((size) => {
    const files = templated(size)
    const rounds = size <= 1_000 ? 10 : size <= 10_000 ? 4 : 2
    const ms = Math.min(...times(rounds, () => ensure(stepsOf(files), size)))
    return [size, ms] as const
  })
  const peer = points.map(([size, ms]) => `${size}: ${ms.toFixed(0)} ms`).join(', ')
  print('compiler.growth', exponentOf(points), 'exponent', { atMost: 1.15, peer })
}

function measurePlainFile(): void {
  const files = plain(5_000)
  const text = files['root.yml'] ?? ''
  const rounds = quick ? 15 : 60
  times(3, () => [parseDocument(text), stepsOf(files)])
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < rounds; round++) {
    theirs.push(...times(1, () => parseDocument(text)))
    ours.push(...times(1, () => stepsOf(files)))
  }
  const [compileMs, parseMs] = [median(ours), median(theirs)]
  print('compiler.5000-lines', compileMs / parseMs, 'x yaml.parseDocument', {
    atMost: 1.5,
    peer: `compile ${compileMs.toFixed(1)} ms, parseDocument ${parseMs.toFixed(1)} ms`,
  })
}

function measureIncremental(): void {
  const files = manyTemplates()
  const cache = createCompileCache()
  const before = files['part-42.yml'] ?? ''
  ensure(stepsOf(files, cache), 990)
  const rounds = Array.from({ length: quick ? 15 : 40 }, (_, round) => {
    files['part-42.yml'] = before.replace('default: part', `default: part${round}`)
    const startMs = performance.now()
    ensure(stepsOf(files, cache), 990)
    return performance.now() - startMs
  })
  print('compiler.incremental', median(rounds), 'ms', {
    atMost: 50,
    peer: 'one line of one of 100 files changes',
  })
}

if (process.argv.includes('--child')) {
  const files = templated(10_000)
  const startMs = performance.now()
  ensure(stepsOf(files), 10_000)
  const ms = performance.now() - startMs
  console.log(JSON.stringify({ ms, mb: process.resourceUsage().maxRSS / 1024 }))
} else {
  measureProcess()
  measureGrowth()
  measurePlainFile()
  measureIncremental()
}
