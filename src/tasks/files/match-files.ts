import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { Minimatch } from 'minimatch'

const OPTIONS = {
  dot: true,
  nobrace: true,
  nocomment: true,
  nonegate: true,
  nocase: process.platform === 'win32',
}

/** Every file below `folder`, relative with `/`, in order of name; links are followed once. */
export async function listFiles(folder: string): Promise<string[]> {
  const files: string[] = []
  await walk(folder, '', new Set(), files)
  return files
}

async function walk(
  root: string,
  below: string,
  seen: ReadonlySet<string>,
  files: string[],
): Promise<void> {
  const folder = path.join(root, below)
  const { dev, ino } = await stat(folder, { bigint: true })
  const identity = `${dev}:${ino}`
  if (seen.has(identity)) return
  const names = (await readdir(folder)).sort()
  for (const name of names) {
    const relative = below === '' ? name : `${below}/${name}`
    // A broken link has no target; it is listed, and fails only when it is copied.
    const found = await stat(path.join(root, relative)).catch(() => undefined)
    if (found?.isDirectory()) await walk(root, relative, new Set([...seen, identity]), files)
    else files.push(relative)
  }
}

/**
 * The files that patterns select: one pattern a line, later lines add or, after `!`, take away;
 * `#` starts a comment. A pattern is matched below `root` unless it is absolute.
 */
export function matchFiles(
  files: readonly string[],
  patterns: string,
  root: string,
): readonly string[] {
  const selected = new Set<string>()
  for (const line of patterns.split(/\r?\n/)) {
    const pattern = line.trim()
    if (pattern === '' || pattern.startsWith('#')) continue
    const [marks = ''] = /^!*/.exec(pattern) ?? []
    const matches = matcher(pattern.slice(marks.length).trim(), root)
    for (const file of files) {
      if (!matches(file)) continue
      if (marks.length % 2 === 0) selected.add(file)
      else selected.delete(file)
    }
  }
  return files.filter((file) => selected.has(file))
}

function matcher(pattern: string, root: string): (file: string) => boolean {
  const relative = path.isAbsolute(pattern) ? path.relative(root, pattern) : pattern
  const matching = new Minimatch(path.posix.normalize(relative.split(path.sep).join('/')), OPTIONS)
  return (file) => matching.match(file)
}
