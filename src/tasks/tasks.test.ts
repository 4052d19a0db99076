import { expect, test } from 'vitest'
import { builtInTasks, findTask } from './index.ts'

test.each([
  ['CmdLine', 2, 'CmdLine'],
  ['cmdline', 2, 'CmdLine'],
  ['1E244D32-2DD4-4165-96FB-B7441CA9331E', 1, 'AzureKeyVault'],
  ['AzureKeyVault', 2, 'AzureKeyVault'],
  ['CmdLine', 1, undefined],
  ['CmdLine', 27, undefined],
  ['checkout', 1, undefined],
])('%s@%i is %s', (name, major, expected) => {
  const found = findTask(name, major)
  expect(found?.name).toBe(expected)
  if (found) expect(found.version.split('.')[0]).toBe(String(major))
})

test('a task’s id and major version are its own, and no two inputs share a name', () => {
  const keys = builtInTasks.map(({ id, version }) => `${id}@${version.split('.')[0]}`)
  expect(new Set(keys).size).toBe(keys.length)
  for (const { id, version, inputs } of builtInTasks) {
    expect(id).toMatch(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
    expect(version).toMatch(/^\d+\.\d+\.\d+$/)
    const names = Object.entries(inputs)
      .flatMap(([name, { aliases = [] }]) => [name, ...aliases])
      .map((name) => name.toLowerCase())
    expect(new Set(names).size).toBe(names.length)
  }
})
