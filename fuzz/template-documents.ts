import type { Random } from '../src/compiler/expressions/fuzz-texts.ts'
import { expression, type Files, pick } from './grown-documents.ts'

/** A pipeline of a root and some templates with typed parameters, loops, branches and includes. */
export function templateDocument(random: Random): Files {
  const depth = 1 + random(4)
  const files: Record<string, string> = {}
  for (let level = depth; level > 0; level--)
    files[`t${level}.yml`] = stepsTemplate(random, level, depth)
  const jobs = Array.from({ length: 1 + random(3) }, (_, i) => job(random, i)).join('')
  if (random(4) > 0) return { 'azure-pipelines.yml': `${head(random)}jobs:\n${jobs}`, ...files }
  const base = `parameters:\n- name: list\n  type: object\n  default: [a, b]\njobs:\n${jobs}`
  const root = `extends:\n  template: base.yml\n  parameters:\n    list: [${pick(random, LISTS)}]\n`
  return { 'azure-pipelines.yml': root, 'base.yml': base, ...files }
}

const LISTS = ['', 'a', 'a, b, c', 'x y', '[1, 2], { k: 1 }', '"${{ variables.a }}"']

function head(random: Random): string {
  return `parameters:
- name: list
  type: object
  default: [${pick(random, LISTS.slice(0, 5))}]
- name: word
  type: ${pick(random, ['string', 'string', 'number', 'object'])}
  default: ${pick(random, ['1', '5', '2.5', "'3'", 'x'])}
variables:
  a: ${pick(random, ['1', 'text', '$(b)', "${{ upper('x') }}", '$[ 1 ]'])}
`
}

function job(random: Random, index: number): string {
  const title = pick(random, ['x', '${{ variables.a }}', '${{ parameters.list[0] }}', '5'])
  const include = `- template: t1.yml\n    parameters:\n      title: ${title}\n      flag: ${pick(random, FLAGS)}\n`
  const looped = `- \${{ each item in parameters.list }}:\n    - template: t1.yml\n      parameters:\n        title: \${{ item }}\n`
  return `- job: job_${index}
${random(3) === 0 ? `  \${{ if ${pick(random, CONDITIONS)} }}:\n    displayName: chosen\n` : ''}  steps:
  - script: echo ${expression(random, 'text')}
  ${random(2) === 0 ? include : looped}`
}

const FLAGS = ['true', 'false', 'True', '${{ true }}', "${{ eq(variables.a, '1') }}"]
const CONDITIONS = [
  'true',
  'false',
  "eq(variables.a, '1')",
  'parameters.list',
  'not(parameters.list)',
]

function stepsTemplate(random: Random, level: number, depth: number): string {
  const deeper =
    level < depth
      ? `- template: t${level + 1}.yml\n  parameters:\n    title: \${{ parameters.title }}${pick(random, ['', 'x', '-1'])}\n`
      : ''
  const insert = random(3) === 0 ? '    ${{ insert }}: ${{ parameters.more }}\n' : ''
  return `parameters:
- name: title
  type: ${pick(random, ['string', 'string', 'string', 'string', 'object', 'number'])}
  default: t
- name: flag
  type: boolean
  default: ${pick(random, ['true', 'false'])}
- name: more
  type: object
  default: { ${pick(random, ['A: 1', 'A: b, C: d', ''])} }
steps:
- bash: |
    echo "\${{ parameters.title }}" ${expression(random, 'text')}
  env:
    FIXED: x
${insert}- \${{ if ${pick(random, ['parameters.flag', 'not(parameters.flag)', ...CONDITIONS.slice(0, 2)])} }}:
  - script: yes
- \${{ elseif parameters.more.A }}:
  - script: \${{ parameters.more.A }}
- \${{ else }}:
  - \${{ each pair in parameters.more }}:
    - script: \${{ pair.key }}=\${{ pair.value }}
${deeper}`
}
