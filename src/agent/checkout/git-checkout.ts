import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { JobRepository } from '../../protocol/index.ts'
import type { Shell } from '../../tasks/index.ts'

export interface GitCheckout {
  readonly repository: JobRepository
  /** Absolute. */
  readonly to: string
  /** The job's token, when the repository is on the job's own server. */
  readonly token: Sealed | undefined
  /** `GIT_CONFIG_COUNT` of the environment: settings that others pass to Git the same way. */
  readonly inheritedSettings: number
  readonly shell: Shell
  write(line: string): void
  readonly options: GitOptions
}

export interface GitOptions {
  /** 0 means the whole history. */
  readonly fetchDepth: number
  readonly fetchTags: boolean
  readonly fetchFilter: string
  readonly submodules: 'false' | 'true' | 'recursive'
  readonly lfs: boolean
  readonly sparseDirectories: string
}

/**
 * Fetches the built commit into a new folder and checks it out, in the agent's order of commands
 * (facts §5.11). The token travels in Git's environment, never in its arguments or configuration.
 *
 * @throws Fault `GitFailed`
 */
export async function checkoutGit(checkout: GitCheckout): Promise<void> {
  const { repository, to, options } = checkout
  const git = (...args: string[]) => runGit(checkout, args)
  await git('init', to)
  await git('remote', 'add', 'origin', repository.url)
  await git('config', 'gc.auto', '0')
  await git('config', 'advice.detachedHead', 'false')
  if (options.lfs) await git('lfs', 'install', '--local')
  if (options.sparseDirectories) {
    await git('sparse-checkout', 'set', '--cone', ...options.sparseDirectories.split(/\s+/))
  }
  const depth = options.fetchDepth > 0 ? [`--depth=${options.fetchDepth}`] : []
  const filter = options.fetchFilter ? [`--filter=${options.fetchFilter}`] : []
  await git(
    'fetch',
    '--force',
    options.fetchTags ? '--tags' : '--no-tags',
    '--prune',
    '--progress',
    '--no-recurse-submodules',
    'origin',
    ...depth,
    ...filter,
    ...refSpecs(repository, depth.length > 0),
  )
  if (options.lfs) await git('lfs', 'fetch', 'origin', target(repository))
  await git('checkout', '--progress', '--force', target(repository))
  if (options.submodules !== 'false') {
    const recursive = options.submodules === 'recursive' ? ['--recursive'] : []
    await git('submodule', 'sync', ...recursive)
    await git('submodule', 'update', '--init', '--force', ...depth, ...recursive)
  }
}

function refSpecs({ branch, version }: JobRepository, isShallow: boolean): string[] {
  const commit = version ? [`+${version}`] : []
  const named = branch.startsWith('refs/') ? branch : `refs/heads/${branch}`
  const remote = named.replace(/^refs\/(heads\/)?/, 'refs/remotes/origin/')
  const ofBranch = branch ? [`+${named}:${remote}`] : []
  if (isShallow) return commit.length > 0 ? commit : ofBranch
  const isHead = named.startsWith('refs/heads/')
  return ['+refs/heads/*:refs/remotes/origin/*', ...(isHead ? [] : ofBranch), ...commit]
}

function target({ branch, version }: JobRepository): string {
  if (version) return version
  const named = branch.startsWith('refs/') ? branch : `refs/heads/${branch}`
  return named.replace(/^refs\/(heads\/)?/, 'refs/remotes/origin/')
}

async function runGit(checkout: GitCheckout, args: readonly string[]): Promise<void> {
  const { shell, to, write } = checkout
  write(`##[command]git ${args.map(quoted).join(' ')}`)
  const cwd = args[0] === 'init' ? path.dirname(to) : to
  const { exitCode } = await shell.run('git', args, { cwd, env: gitEnvironment(checkout) })
  if (exitCode === 0) return
  throw new Fault('GitFailed', `Git ${args[0]} failed with exit code: ${exitCode}`)
}

/** Answers no prompts, and sends the token to the repository's own host only. */
function gitEnvironment(checkout: GitCheckout): Record<string, string> {
  const { token, repository, inheritedSettings } = checkout
  const settings: [name: string, value: string][] = [['http.version', 'HTTP/1.1']]
  if (token) {
    const origin = new URL(repository.url).origin
    settings.push([`http.${origin}/.extraheader`, `AUTHORIZATION: bearer ${token.open()}`])
  }
  const env: Record<string, string> = {
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(inheritedSettings + settings.length),
  }
  for (const [index, [name, value]] of settings.entries()) {
    env[`GIT_CONFIG_KEY_${inheritedSettings + index}`] = name
    env[`GIT_CONFIG_VALUE_${inheritedSettings + index}`] = value
  }
  return env
}

function quoted(arg: string): string {
  return /\s/.test(arg) ? `"${arg}"` : arg
}
