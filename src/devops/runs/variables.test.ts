import { expect, test } from 'vitest'
import { Sealed } from '../../base/sealed.ts'
import type { VariableDeclaration } from '../../compiler/index.ts'
import type { VariableGroup } from '../library/groups-store.ts'
import { resolveVariables, type VariableLayers } from './variables.ts'

const place = { file: 'a.yml', line: 1, column: 1, endLine: 1, endColumn: 1 }

function value(name: string, text: string): VariableDeclaration {
  return { kind: 'value', name, value: text, readonly: false, place }
}
function group(name: string): VariableDeclaration {
  return { kind: 'group', group: name, place }
}

const base = {
  projectId: 'p',
  description: '',
  createdBy: '',
  createdAtMs: 0,
  modifiedBy: '',
  modifiedAtMs: 0,
}
const groups: Readonly<Record<string, VariableGroup>> = {
  G1: {
    ...base,
    id: 1,
    name: 'G1',
    type: 'AzureKeyVault',
    variables: ['a', 'b'].map((name) => ({ name, isSecret: true, isReadOnly: false })),
  },
  G2: {
    ...base,
    id: 2,
    name: 'G2',
    type: 'AzureKeyVault',
    variables: ['B', 'c'].map((name) => ({ name, isSecret: true, isReadOnly: false })),
  },
  Plain: {
    ...base,
    id: 3,
    name: 'Plain',
    type: 'Vsts',
    variables: [
      { name: 'a', isSecret: false, isReadOnly: false, value: 'plain' },
      { name: 's', isSecret: true, isReadOnly: false, sealed: Buffer.from('sealed') },
    ],
  },
}

function resolve(layers: Partial<VariableLayers>) {
  const { variables, claims } = resolveVariables(
    { given: [], declared: [], system: [], ...layers },
    (name) => groups[name],
    (_group, { name }) => new Sealed(`secret of ${name}`),
  )
  const shown = [...variables.values()].map(({ name, value: held, isSecret }) => {
    const text = held instanceof Sealed ? `<${held.open()}>` : (held ?? 'null')
    return `${name}=${text}${isSecret ? '!' : ''}`
  })
  return [shown.join(' '), claims.map((claim) => `${claim.group.name}:${claim.names}`).join(' ')]
}

test.each<[string, Partial<VariableLayers>, string, string]>([
  ['a linked group claims its names', { declared: [[group('G1')]] }, 'a=null! b=null!', 'G1:a,b'],
  [
    'a later inline value takes a name away and stays secret',
    { declared: [[group('G1'), value('a', 'x')]] },
    'a=<x>! b=null!',
    'G1:b',
  ],
  [
    'an earlier inline value loses to the group',
    { declared: [[value('a', 'x'), group('G1')]] },
    'a=null! b=null!',
    'G1:a,b',
  ],
  [
    'a later group takes a name from an earlier one, without case',
    { declared: [[group('G1'), group('G2')]] },
    'a=null! b=null! c=null!',
    'G1:a G2:B,c',
  ],
  [
    'an inner scope beats an outer one',
    { declared: [[group('G1')], [value('A', 'stage')], [value('b', 'job')]] },
    'a=<stage>! b=<job>!',
    '',
  ],
  [
    'a group of an inner scope beats an outer value',
    { declared: [[value('a', 'root')], [group('G1')]] },
    'a=null! b=null!',
    'G1:a,b',
  ],
  [
    'a plain group takes a name from a linked one and has values',
    { declared: [[group('G1'), group('Plain')]] },
    'a=<plain>! b=null! s=<secret of s>!',
    'G1:b',
  ],
  [
    'a linked group takes a name from a plain one',
    { declared: [[group('Plain'), group('G1')]] },
    'a=null! s=<secret of s>! b=null!',
    'G1:a,b',
  ],
  [
    'queue-time values lose to the YAML',
    {
      given: [{ name: 'a', value: 'q', isSecret: false }],
      declared: [[value('a', 'yaml')]],
    },
    'a=yaml',
    '',
  ],
  [
    'queue-time values stand where the YAML says nothing',
    { given: [{ name: 'q', value: '1', isSecret: false }], declared: [[value('a', 'yaml')]] },
    'q=1 a=yaml',
    '',
  ],
  [
    'system variables beat everything and take claims away',
    {
      declared: [[group('G1')]],
      system: [{ name: 'A', value: 'sys', isSecret: false }],
    },
    'a=<sys>! b=null!',
    'G1:b',
  ],
  [
    'a group that comes again after an inline value claims its names again',
    { declared: [[group('G1'), value('a', 'x'), group('G1')]] },
    'a=null! b=null!',
    'G1:a,b',
  ],
])('precedence: %s', (_name, layers, variables, claims) => {
  expect(resolve(layers)).toEqual([variables, claims])
})
