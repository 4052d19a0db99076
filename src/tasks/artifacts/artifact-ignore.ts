import { copyFile as copyContent, link, mkdir, mkdtemp, readFile, realpath } from 'node:fs/promises'
import path from 'node:path'
import { Minimatch } from 'minimatch'
import { listFiles } from '../files/match-files.ts'

const RULES_FILE = '.artifactignore'
/** What is left out when a folder has no rules of its own. */
const STANDARD_RULES = '.git'
const OPTIONS = { dot: true, nocomment: true, nonegate: true }

interface Rule {
  readonly isIncluded: boolean
  readonly pattern: Minimatch
  /** Only folders match, and through them what is below. */
  readonly isFolderRule: boolean
}

/**
 * The files of `folder` that its `.artifactignore` lets through, relative with `/`. The last rule
 * that matches a file or a folder above it decides; `!` lets through again.
 */
export async function filesToPublish(folder: string): Promise<{
  readonly files: readonly string[]
  readonly hasIgnored: boolean
}> {
  const rulesFile = path.join(folder, RULES_FILE)
  const text = await readFile(rulesFile, 'utf8').catch(() => STANDARD_RULES)
  const rules = text.split(/\r?\n/).flatMap(toRule)
  const all = await listFiles(folder)
  const files = all.filter((file) => !isIgnored(file, rules))
  return { files, hasIgnored: files.length < all.length }
}

/** A copy of some files of `folder` in a new folder below `temporary`; linked where possible. */
export async function stageFiles(
  folder: string,
  files: readonly string[],
  temporary: string,
): Promise<string> {
  const staged = await mkdtemp(path.join(temporary, 'artifact-'))
  for (const file of files) {
    const to = path.join(staged, file)
    // A link is published as what it leads to; one that leads nowhere is left out.
    const from = await realpath(path.join(folder, file)).catch(() => undefined)
    if (from === undefined) continue
    await mkdir(path.dirname(to), { recursive: true })
    await link(from, to).catch(() => copyContent(from, to))
  }
  return staged
}

function toRule(line: string): Rule[] {
  const text = line.trim()
  if (text === '' || text.startsWith('#')) return []
  const isIncluded = text.startsWith('!')
  const body = (isIncluded ? text.slice(1) : text).replaceAll('\\', '/')
  const isFolderRule = body.endsWith('/')
  const bare = body.replace(/^\.?\//, '').replace(/\/+$/, '')
  // As in Git: a slash inside ties the rule to the top, without one it holds at any depth.
  const isAnchored = body.replace(/\/+$/, '').includes('/')
  const pattern = new Minimatch(isAnchored ? bare : `**/${bare}`, OPTIONS)
  return bare === '' ? [] : [{ isIncluded, pattern, isFolderRule }]
}

function isIgnored(file: string, rules: readonly Rule[]): boolean {
  const parts = file.split('/')
  const folders = parts.slice(0, -1).map((_, i) => parts.slice(0, i + 1).join('/'))
  const last = rules.findLast(
    ({ pattern, isFolderRule }) =>
      (!isFolderRule && pattern.match(file)) || folders.some((folder) => pattern.match(folder)),
  )
  return last !== undefined && !last.isIncluded
}
