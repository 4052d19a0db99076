import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { atBranch, checkFolder, fileReader, readFolderState } from './repository.ts'

let root: string
let folder: string

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=T', '-c', 'user.email=t@example.com']
  return execFileSync('git', ['-C', folder, ...identity, ...args], { encoding: 'utf8' }).trim()
}

beforeAll(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'sluice-repository-'))
  folder = path.join(root, 'repo')
  mkdirSync(path.join(folder, 'sub'), { recursive: true })
  writeFileSync(path.join(root, 'outside.yml'), 'outside')
  writeFileSync(path.join(folder, 'a.yml'), 'first')
  symlinkSync(path.join(root, 'outside.yml'), path.join(folder, 'link.yml'))
  git('init', '--quiet', '--initial-branch=main')
  git('add', 'a.yml')
  git('commit', '--quiet', '--message', 'first')
  git('branch', 'old')
  writeFileSync(path.join(folder, 'a.yml'), 'second')
})

afterAll(() => rmSync(root, { recursive: true, force: true }))

test.each([
  ['a.yml', 'second'],
  ['/a.yml', 'second'],
  ['sub/../a.yml', 'second'],
  ['../outside.yml', undefined],
  ['sub/../../outside.yml', undefined],
  ['link.yml', undefined],
  ['absent.yml', undefined],
  ['sub', undefined],
])('the working tree reads %s as %s', (file, text) => {
  expect(fileReader({ type: 'Folder', path: folder }, '')(file)).toBe(text)
})

test('a working tree has the commit and branch that are checked out', () => {
  expect(readFolderState({ type: 'Folder', path: folder })).toEqual({
    name: 'repo',
    version: git('rev-parse', 'HEAD'),
    branch: 'refs/heads/main',
  })
})

test('a branch that is not checked out is read from its commit, not from the tree', () => {
  const repository = atBranch({ type: 'Folder', path: folder }, 'old')
  const { version } = readFolderState(repository)
  expect(version).toBe(git('rev-parse', 'old'))
  expect(fileReader(repository, version)('a.yml')).toBe('first')
  expect(fileReader(repository, version)('../outside.yml')).toBeUndefined()
})

test('a branch or folder that does not exist is refused', () => {
  const repository = { type: 'Folder' as const, path: folder }
  expect(atBranch(repository, 'main')).toBe(repository)
  expect(() => atBranch(repository, 'nope')).toThrow("no commit or branch 'refs/heads/nope'")
  expect(() => atBranch(repository, '--output=/tmp/x')).toThrow('no commit or branch')
  expect(() => checkFolder(path.join(folder, 'a.yml'))).toThrow('does not exist on this machine')
})

test('a folder that is not a Git working tree has no commit', () => {
  const plain = path.join(root, 'plain')
  mkdirSync(plain)
  expect(readFolderState({ type: 'Folder', path: plain })).toEqual({
    name: 'plain',
    version: '',
    branch: 'refs/heads/main',
  })
})
