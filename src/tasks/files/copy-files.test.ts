import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { removeFolders, type Workbench, workbench } from '../testing/task-bench.ts'
import { copyFiles } from './copy-files.ts'

afterAll(removeFolders)

const FILES = ['a.txt', 'b.md', '.hidden', 'src/c.txt', 'src/deep/d.txt', 'src/[x]/e.txt']

function benchWith(files: readonly string[] = FILES): Workbench & { target: string } {
  const bench = workbench()
  for (const file of files) write(path.join(bench.sources, file), file)
  return { ...bench, target: path.join(bench.folder, 'a') }
}

function write(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, text)
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort()
}

test.each([
  ['everything', '**', FILES],
  [
    'one extension at any depth',
    '**/*.txt',
    ['a.txt', 'src/[x]/e.txt', 'src/c.txt', 'src/deep/d.txt'],
  ],
  ['all but some', '**\n!src/**\n# a comment\n', ['.hidden', 'a.txt', 'b.md']],
  ['taken away, then added again', '**/*.txt\n!**/*.txt\nsrc/deep/*', ['src/deep/d.txt']],
  ['a path with ./', './src/*.txt', ['src/c.txt']],
  ['no braces', '{a,b}.*', []],
])('selects %s', async (_, contents, expected) => {
  const bench = benchWith()
  const inputs = { Contents: contents, targetFolder: bench.target }
  expect(await bench.run(copyFiles, inputs)).toEqual({ result: 'Succeeded' })
  expect(bench.lines[0]).toBe(`found ${expected.length} files`)
  expect(existsSync(bench.target) ? filesIn(bench.target) : []).toEqual([...expected].sort())
})

test('an absolute pattern is taken from the top', async () => {
  const bench = benchWith()
  const Contents = path.join(bench.sources, 'src', '*.txt')
  await bench.run(copyFiles, { Contents, TargetFolder: bench.target })
  expect(filesIn(bench.target)).toEqual(['src/c.txt'])
})

test('flattened files land side by side', async () => {
  const bench = benchWith()
  await bench.run(copyFiles, {
    Contents: '**/*.txt',
    TargetFolder: bench.target,
    flattenFolders: 'true',
  })
  expect(filesIn(bench.target)).toEqual(['a.txt', 'c.txt', 'd.txt', 'e.txt'])
})

test('an existing file is kept unless it may be overwritten', async () => {
  const bench = benchWith(['a.txt'])
  const target = path.join(bench.target, 'a.txt')
  write(target, 'former')
  await bench.run(copyFiles, { TargetFolder: bench.target })
  expect(readFileSync(target, 'utf8')).toBe('former')
  const source = path.join(bench.sources, 'a.txt')
  expect(bench.lines.at(-1)).toBe(`File ${source} already exist at ${target}`)

  await bench.run(copyFiles, { TargetFolder: bench.target, OverWrite: 'true' })
  expect(readFileSync(target, 'utf8')).toBe('a.txt')
  expect(bench.lines.at(-1)).toBe(`Copying ${source} to ${target}`)
})

test('overwriting replaces a link, it does not write through it', async () => {
  const bench = benchWith(['a.txt'])
  const outside = path.join(bench.folder, 'outside')
  write(outside, 'precious')
  mkdirSync(bench.target)
  symlinkSync(outside, path.join(bench.target, 'a.txt'))
  await bench.run(copyFiles, { TargetFolder: bench.target, OverWrite: 'true' })
  expect(readFileSync(outside, 'utf8')).toBe('precious')
})

test('cleaning empties the target, but not when nothing is selected', async () => {
  const bench = benchWith(['a.txt'])
  write(path.join(bench.target, 'old.txt'), 'old')
  const inputs = { TargetFolder: bench.target, CleanTargetFolder: 'true' }
  await bench.run(copyFiles, { ...inputs, Contents: '*.none' })
  expect(filesIn(bench.target)).toEqual(['old.txt'])
  await bench.run(copyFiles, inputs)
  expect(filesIn(bench.target)).toEqual(['a.txt'])
  expect(bench.lines).toContain(`Cleaning target folder: ${bench.target}`)
})

test('a folder in the way is a clear failure', async () => {
  const bench = benchWith(['a.txt'])
  mkdirSync(path.join(bench.target, 'a.txt'), { recursive: true })
  const [from, to] = [path.join(bench.sources, 'a.txt'), path.join(bench.target, 'a.txt')]
  await expect(bench.run(copyFiles, { TargetFolder: bench.target })).rejects.toThrow(
    `Unable to copy file ${from} to ${to}. The target path already exists as a directory.`,
  )
})

test('times are kept on request', async () => {
  const bench = benchWith(['a.txt'])
  const then = new Date('2020-01-01T00:00:00Z')
  utimesSync(path.join(bench.sources, 'a.txt'), then, then)
  await bench.run(copyFiles, { TargetFolder: bench.target, preserveTimestamp: 'true' })
  expect(statSync(path.join(bench.target, 'a.txt')).mtime).toEqual(then)
})

test('broken links and circles below the source harm nobody who does not select them', async () => {
  const bench = benchWith(['a.txt', 'src/b.txt'])
  symlinkSync('/nowhere', path.join(bench.sources, 'broken'))
  symlinkSync(bench.sources, path.join(bench.sources, 'src', 'circle'))
  const inputs = { TargetFolder: bench.target, Contents: '**/*.txt' }
  expect(await bench.run(copyFiles, inputs)).toEqual({ result: 'Succeeded' })
  expect(filesIn(bench.target)).toEqual(['a.txt', 'src/b.txt'])
})

test.each([[{ SourceFolder: 'missing' }, /^Not found SourceFolder: .*missing$/]])(
  'refuses %j',
  async (inputs, message) => {
    const bench = benchWith()
    expect(await bench.run(copyFiles, { ...inputs, TargetFolder: bench.target })).toEqual({
      result: 'Failed',
      message: expect.stringMatching(message),
    })
  },
)

test('a retry count that is no number is refused', async () => {
  const bench = benchWith()
  const inputs = { TargetFolder: bench.target, retryCount: 'often' }
  await expect(bench.run(copyFiles, inputs)).rejects.toThrow(
    "retryCount must be a whole number, not 'often'.",
  )
})
