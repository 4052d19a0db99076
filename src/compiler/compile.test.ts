import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { type CompileRequest, compile } from './compile.ts'
import { finalDocument } from './print/final-document.ts'
import { createCompileCache } from './templates/index.ts'

/** Compiles `root` with other files by path. */
function compileText(
  root: string,
  files: Readonly<Record<string, string>> = {},
  options: Partial<CompileRequest> = {},
) {
  return compile({
    file: 'azure-pipelines.yml',
    readFile: (_, path) => (path === 'azure-pipelines.yml' ? root : files[path]),
    ...options,
  })
}

function codes(result: ReturnType<typeof compile>): readonly string[] {
  return result.diagnostics.map(({ code }) => code)
}

describe('hostile input ends with a diagnostic', () => {
  test('an alias bomb, with anchors allowed', () => {
    const lines = ['x0: &x0 [a,a,a,a,a,a,a,a,a,a]']
    for (let i = 1; i < 30; i += 1) {
      lines.push(
        `x${i}: &x${i} [${Array(10)
          .fill(`*x${i - 1}`)
          .join(',')}]`,
      )
    }
    const root = `parameters:\n- name: p\n  type: object\n  default:\n${lines.map((line) => `    ${line}`).join('\n')}\nsteps:\n- \${{ each k in parameters.p }}:\n  - script: x\n    env:\n      A: \${{ convertToJson(k.value) }}\n`
    const result = compileText(root, {}, { allowAnchors: true })
    expect(result.plan).toBeUndefined()
    expect(result.diagnostics.length).toBeGreaterThan(0)
  })

  test('an alias bomb where no template is', () => {
    const lines = ['  a0: &a0 {k: v}']
    for (let i = 1; i < 40; i += 1) lines.push(`  a${i}: &a${i} {x: *a${i - 1}, y: *a${i - 1}}`)
    const result = compileText(
      `variables:\n${lines.join('\n')}\nsteps: [{script: a}]\n`,
      {},
      {
        allowAnchors: true,
      },
    )
    expect(result.plan).toBeUndefined()
  })

  test('loops over 10^9 rounds', () => {
    const deep = Array.from(
      { length: 9 },
      (_, i) => `${'  '.repeat(i)}- \${{ each v${i} in parameters.l }}:`,
    )
    const root = `parameters: [{ name: l, type: object, default: [0,1,2,3,4,5,6,7,8,9] }]\nsteps:\n${deep.join('\n')}\n${'  '.repeat(9)}- script: x\n`
    expect(codes(compileText(root, {}, { limits: { events: 1_000_000 } }))).toEqual([
      'expansion-too-large',
    ])
  })

  test('expressions that are cheap to write and dear to evaluate', () => {
    const list = `[${Array(2000).fill('1').join(',')}]`
    const root = `parameters: [{ name: l, type: object, default: ${list} }]\nsteps:\n- \${{ each a in parameters.l }}:\n  - \${{ each b in parameters.l }}:\n    - \${{ if containsValue(parameters.l, 2) }}:\n      - script: x\n`
    expect(codes(compileText(root, {}, { limits: { events: 1_000_000 } }))).toEqual([
      'expansion-too-large',
    ])
  })

  test('parameters that double at every level', () => {
    const files = {
      't.yml':
        'parameters: [{ name: v, type: object }]\nsteps:\n- template: t.yml\n  parameters:\n    v: ["${{ parameters.v }}", "${{ parameters.v }}", x]\n',
    }
    const result = compileText('steps:\n- template: t.yml\n  parameters: { v: [a] }\n', files)
    expect(result.plan).toBeUndefined()
    expect(result.diagnostics.length).toBeGreaterThan(0)
  })

  test('an include chain of 100 files', () => {
    const files = Object.fromEntries(
      Array.from({ length: 120 }, (_, i) => [`t${i}.yml`, `steps:\n- template: t${i + 1}.yml\n`]),
    )
    expect(codes(compileText('steps:\n- template: t0.yml\n', files))).toEqual(['too-many-files'])
  })

  test('includes below a deep tree of branches', () => {
    const open = Array.from({ length: 80 }, (_, i) => `${'  '.repeat(i)}- \${{ if true }}:`)
    const files = { 't.yml': `steps:\n${open.join('\n')}\n${'  '.repeat(80)}- template: t.yml\n` }
    const result = compileText('steps:\n- template: t.yml\n', files)
    expect(['template-depth', 'nested-too-deep', 'nested-too-deep']).toContain(codes(result)[0])
  })

  test.each([
    ['50 MB of text', () => `steps:\n- script: ${'x'.repeat(50_000_000)}`, 'file-too-large'],
    ['deep flow sequences', () => `steps: ${'['.repeat(100_000)}`, 'nested-too-deep'],
    ['deep block sequences', () => `steps:\n${'- '.repeat(20_000)}x`, 'nested-too-deep'],
    ['deep block mappings', () => deepMapping(1500), 'nested-too-deep'],
    ['a broken end of UTF-8', () => 'steps:\n- script: \ufffd', 'invalid-characters'],
    ['half of a surrogate pair', () => 'steps:\n- script: "\ud800"', 'invalid-characters'],
  ])('%s', (_, text, code) => {
    const result = compileText(text())
    expect(result.plan).toBeUndefined()
    expect(codes(result)).toEqual([code])
  })

  test.each([
    ['branch patterns', (t: string) => `trigger: ["${t}"]\nsteps: [{script: a}]`],
    ['cron texts', (t: string) => `schedules: [{cron: "${t}"}]\nsteps: [{script: a}]`],
    ['names', (t: string) => `jobs: [{job: "${t}", steps: [{script: a}]}]`],
    ['task references', (t: string) => `steps: [{task: "${t}"}]`],
    ['macros', (t: string) => `steps: [{script: "${t}"}]`],
    [
      'numbers',
      (t: string) => `parameters: [{name: n, type: number, default: "${t}"}]\nsteps: [{script: a}]`,
    ],
    ['unknown keys', (t: string) => `"${t}": x\nsteps: [{script: a}]`],
    ['expressions', (t: string) => `steps: [{script: "\${{ ${t} }}"}]`],
  ])('patterns that could be catastrophic: %s', (_, build) => {
    for (const piece of ['a/', '$(', '1,', ' ', '@1', '##vso[task.setvariable ', "'", '((']) {
      const { diagnostics } = compileText(build(`${piece.repeat(20_000)}!`))
      expect(Array.isArray(diagnostics)).toBe(true)
    }
  })

  test('many problems are cut off with a count', () => {
    const root = `steps:\n${'- scrpt: x\n'.repeat(50)}`
    const { diagnostics } = compileText(root, {}, { limits: { diagnostics: 10 } })
    expect(diagnostics).toHaveLength(11)
    expect(diagnostics.at(-1)?.message).toBe('40 more problems are not shown.')
  })

  test.each(['__proto__', 'constructor', 'toString', 'hasOwnProperty'])(
    'a key named %s is only a key',
    (name) => {
      expect(codes(compileText(`${name}: x\nsteps: [{script: a}]\n`))).toEqual(['unexpected-key'])
      const { plan } = compileText(
        `variables: { ${name}: v }\nsteps:\n- script: \${{ variables.${name} }}\n  env: { ${name}: e }\n`,
      )
      const step = plan?.stages[0]?.jobs[0]?.steps[1]
      expect(step?.inputs['script']).toBe('v')
      expect(Object.entries(step?.env ?? {})).toEqual([[name, 'e']])
    },
  )
})

function deepMapping(depth: number): string {
  return Array.from({ length: depth }, (_, i) => `${' '.repeat(i)}a:`).join('\n')
}

describe('properties', () => {
  const word = fc.constantFrom(
    'steps',
    'jobs',
    'stages',
    'job',
    'stage',
    'script',
    'task',
    'template',
    'variables',
    'name',
    'value',
    'pool',
    'dependsOn',
    'parameters',
    'extends',
    'resources',
    'repositories',
    'strategy',
    'matrix',
    'deployment',
    'environment',
    'runOnce',
    'deploy',
    'a',
    'b',
    '${{ if true }}',
    '${{ each x in parameters.l }}',
    '${{ insert }}',
    '${{ else }}',
    '${{ x }}',
    '<<',
    '',
  )
  const text = fc.oneof(
    fc.constantFrom(
      'a',
      'b',
      'A',
      'none',
      'true',
      'Bash@3',
      't.yml',
      't.yml@self',
      '${{ parameters.l }}',
      '$(a)',
      '$[ variables.a ]',
      '${{ variables.a }}x',
      "${{ eq(1, '1') }}",
      'succeeded()',
      '${{',
      '',
      'object',
      'stepList',
      '1',
      '%',
      '\u0000',
      '*',
    ),
    fc.string({ maxLength: 8 }),
  )
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 6, withCrossShrink: true },
      text,
      fc.array(tie('tree'), { maxLength: 4 }),
      fc.array(fc.tuple(word, tie('tree')), { maxLength: 5 }).map(Object.fromEntries),
    ),
  }))
  const limits = { events: 20_000, files: 10, includeDepth: 10 }

  test('a random document ends with a plan or an error, and the same one every time', () => {
    fc.assert(
      fc.property(tree, tree, (root, template) => {
        const files = { 't.yml': stringify(template) }
        const input = stringify(root)
        const one = compileText(input, files, { limits, parameters: { l: ['x'] } })
        const two = compileText(input, files, { limits, parameters: { l: ['x'] } })
        const errors = one.diagnostics.filter(({ severity }) => severity === 'error')
        expect(one.plan === undefined).toBe(errors.length > 0)
        expect(two).toEqual(one)
      }),
      { numRuns: 300 },
    )
  })

  test('random text never ends in a crash', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (input) => {
        const { plan, diagnostics } = compileText(input)
        expect(plan !== undefined || diagnostics.length > 0).toBe(true)
      }),
      { numRuns: 200 },
    )
  })

  const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_]{0,5}$/)
  const step = fc.record(
    {
      script: fc.string(),
      displayName: fc.string({ minLength: 1 }),
      env: fc.dictionary(name, fc.string()),
      continueOnError: fc.boolean(),
      timeoutInMinutes: fc.nat(100),
      enabled: fc.boolean(),
    },
    { requiredKeys: ['script'] },
  )
  const job = fc.record({
    variables: fc.dictionary(name, fc.string()),
    steps: fc.array(step, { maxLength: 4 }),
    pool: fc.oneof(name, fc.record({ vmImage: name, demands: fc.array(name) })),
  })
  const stage = fc.record({
    displayName: fc.string(),
    variables: fc.dictionary(name, fc.string()),
    jobs: fc
      .array(job, { minLength: 1, maxLength: 3 })
      .map((jobs) =>
        jobs.map((one, i) => ({ job: `J${i}`, dependsOn: i > 0 ? [`J${i - 1}`] : [], ...one })),
      ),
  })

  test('printing the final document and compiling it gives the same plan', () => {
    const stages = fc
      .array(stage, { minLength: 1, maxLength: 3 })
      .map((list) => list.map((one, i) => ({ stage: `S${i}`, ...one })))
    fc.assert(
      fc.property(stages, (list) => {
        const { plan } = compileText(stringify({ stages: list }))
        fc.pre(plan !== undefined)
        if (!plan) return
        const again = compileText(finalDocument(plan))
        expect(withoutPlaces(again.plan)).toEqual(withoutPlaces(plan))
      }),
      { numRuns: 40 },
    )
  })
})

function withoutPlaces(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, part) => (key === 'place' ? undefined : part)))
}

describe('a cache of parsed files', () => {
  const files: Record<string, string> = {
    'a.yml': 'parameters: [{ name: n }]\nsteps: [{ script: "${{ parameters.n }}" }]\n',
    'b.yml': 'steps: [{ script: b }]\n',
  }
  const root = 'steps:\n- template: a.yml\n  parameters: { n: 1 }\n- template: b.yml\n'

  test('gives the same result as none', () => {
    const cache = createCompileCache()
    const cold = compileText(root, files)
    expect(compileText(root, files, { cache })).toEqual(cold)
    expect(compileText(root, files, { cache })).toEqual(cold)
  })

  test('parses again only what has changed', () => {
    const cache = createCompileCache()
    compileText(root, files, { cache })
    const before = new Map(cache.files)
    compileText(root, { ...files, 'b.yml': 'steps: [{ script: c }]\n' }, { cache })
    const fresh = [...cache.files].filter(([key, file]) => before.get(key) !== file)
    expect(fresh.map(([, file]) => file.source.file)).toEqual(['b.yml'])
  })

  test('reports what a cached file does wrong every time', () => {
    const cache = createCompileCache()
    const broken = { 'a.yml': 'steps: [', 'b.yml': "steps: [{ script: '${{ nope( }}' }]" }
    const first = codes(compileText(root, broken, { cache }))
    expect(first).toEqual(['yaml-syntax', 'expression'])
    expect(codes(compileText(root, broken, { cache }))).toEqual(first)
  })
})

test('the trace tells what was evaluated, in the words of the service', () => {
  const lines: string[] = []
  compileText(
    "parameters: [{ name: n, default: x }]\nsteps:\n- template: t.yml\n- ${{ if eq(parameters.n, 'y') }}:\n  - script: a\n- script: echo ${{ parameters.n }}!\n",
    { 't.yml': 'steps: [{ script: a }]\n' },
    { trace: (line) => lines.push(line) },
  )
  expect(lines).toEqual([
    "Begin evaluating template '/azure-pipelines.yml'",
    "Begin evaluating template '/t.yml'",
    "Finished evaluating template '/t.yml'",
    "Evaluating: eq(parameters['n'], 'y')",
    "Expanded: eq('x', 'y')",
    'Result: False',
    "Evaluating: format('echo {0}!', parameters['n'])",
    "Result: 'echo x!'",
    "Finished evaluating template '/azure-pipelines.yml'",
  ])
})

test('the names of all files that were read are given, in order', () => {
  const { files } = compileText(
    'steps:\n- template: b/x.yml\n- template: b/x.yml\n- template: a.yml\n- template: none.yml\n',
    { 'a.yml': 'steps: []', 'b/x.yml': 'steps: []' },
  )
  expect(files).toEqual(['azure-pipelines.yml', 'b/x.yml', 'a.yml'])
})

test('a root that does not exist is a diagnostic', () => {
  const result = compile({ file: 'none.yml', readFile: () => undefined })
  expect(result.diagnostics).toMatchObject([
    { code: 'file-not-found', message: 'File /none.yml not found in repository self.' },
  ])
})
