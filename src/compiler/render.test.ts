import { expect, test } from 'vitest'
import { compile } from './compile.ts'
import { renderDiagnostic } from './render.ts'

function render(text: string): readonly string[] {
  const { diagnostics } = compile({ file: 'p.yml', readFile: () => text })
  return diagnostics.map((one) => renderDiagnostic(one, () => text))
}

test('a diagnostic is a picture of its line with carets below the place', () => {
  expect(render('steps:\n- script: echo\n  dispalyName: x\n')).toEqual([
    [
      "p.yml:3:3: error: Unexpected value 'dispalyName'",
      '  3 |   dispalyName: x',
      '    |   ^^^^^^^^^^^',
      "  hint: Did you mean 'displayName'?",
    ].join('\n'),
  ])
})

test('a long line is cut so that the place is in view', () => {
  const [picture = ''] = render(`steps: [{ script: ${'x'.repeat(500)}, oops: 1 }]\n`)
  const [, line = '', carets = ''] = picture.split('\n')
  expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('oops')
  expect(line.length).toBeLessThan(180)
})

test('without the text there is no picture', () => {
  const place = { file: 'p.yml', line: 1, column: 2, endLine: 1, endColumn: 3 }
  const one = { code: 'x', severity: 'warning', message: 'Something.', place } as const
  expect(renderDiagnostic(one, () => undefined)).toBe('p.yml:1:2: warning: Something.')
})
