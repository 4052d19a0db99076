import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import type { Random } from '../src/compiler/expressions/fuzz-texts.ts'
import { type Files, pick } from './grown-documents.ts'

interface Case {
  readonly input: string
  readonly files?: Files
}

const folder = path.join(import.meta.dirname, '../src/compiler/cases')

/** The inputs of all compiler cases, in the order of their files' names. */
export function readCases(): readonly Case[] {
  return globSync('**/*.yaml', { cwd: folder })
    .sort()
    .flatMap((file) => parse(readFileSync(path.join(folder, file), 'utf8')) as Case[])
}

/** A case whose root or template is changed in one to four places; one in eight stays as it is. */
export function mutatedDocument(random: Random, cases: readonly Case[]): Files {
  const { input, files } = cases[random(cases.length)] ?? { input: '' }
  const all: Record<string, string> = { ...files, 'azure-pipelines.yml': input }
  if (random(8) === 0) return all
  const names = Object.keys(all)
  for (let left = 1 + random(4); left > 0; left--) {
    const name = pick(random, names)
    const other = cases[random(cases.length)]?.input ?? ''
    all[name] = mutate(random, all[name] ?? '', other)
  }
  return all
}

function mutate(random: Random, text: string, other: string): string {
  const lines = text.split('\n')
  const at = random(lines.length)
  const line = lines[at] ?? ''
  const cut = random(text.length + 1)
  switch (random(10)) {
    case 0:
      return lines.toSpliced(at, 1).join('\n')
    case 1:
      return lines.toSpliced(at, 0, line).join('\n')
    case 2:
      return lines.toSpliced(at, 1, `  ${line}`).join('\n')
    case 3:
      return lines.toSpliced(at, 1, line.replace(/^ {2}/, '')).join('\n')
    case 4:
      return lines.toSpliced(random(lines.length), 0, line).join('\n')
    case 5:
      return lines.toSpliced(at, 0, ...someLines(random, other)).join('\n')
    case 6:
      return text.slice(0, cut) + text.slice(cut + 1 + random(4))
    case 7:
      return text.slice(0, cut)
    default:
      return text.slice(0, cut) + pick(random, PIECES) + text.slice(cut)
  }
}

function someLines(random: Random, text: string): readonly string[] {
  const lines = text.split('\n')
  const from = random(lines.length)
  return lines.slice(from, from + 1 + random(4))
}

const PIECES = [
  '${{ ',
  ' }}',
  '${{ if true }}:',
  '${{ each x in parameters }}:',
  '${{ insert }}',
  '${{ parameters.x }}',
  "'",
  '"',
  ': ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '\t',
  '\r\n',
  '&a ',
  '*a',
  '<<: ',
  '!!str ',
  '|\n',
  '>-\n',
  '#',
  '---\n',
  '? ',
  '\u0000',
  '\ud800',
  '\ufeff',
  '\u2028',
  '😀',
  '__proto__: ',
  '$(',
  '$[ ',
  '%',
  '0x1F',
  '@self',
]
