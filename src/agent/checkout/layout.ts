import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { JobRepository, JobRequest, JobStep } from '../../protocol/index.ts'

/** The task that `checkout:` is (facts §4.2). */
export const CHECKOUT_TASK_ID = '6d15af64-176c-496d-b583-fd2ae21d4df4'

/** The value of an input, by its name without case; undefined when it is not given. */
export function inputOf(step: JobStep, name: string): string | undefined {
  return Object.entries(step.inputs).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1]
}

/** True for a step that checks something out; `checkout: none` does not. */
function isCheckout(step: JobStep): boolean {
  return (
    step.task.id.toLowerCase() === CHECKOUT_TASK_ID &&
    step.enabled &&
    (inputOf(step, 'repository') ?? 'self').toLowerCase() !== 'none'
  )
}

/** @throws Fault `RepositoryMissing` when the job was not given what the step names */
export function repositoryOf(job: JobRequest, step: JobStep): JobRepository {
  const alias = inputOf(step, 'repository') || 'self'
  const found = job.repositories.find((each) => each.alias.toLowerCase() === alias.toLowerCase())
  if (found) return found
  throw new Fault('RepositoryMissing', `The job has no repository resource '${alias}'.`)
}

/**
 * Where a checkout goes, relative to the job's folder: `s` for a single one, `s/<name>` for several,
 * or what `path` says (facts §5.11). @throws Fault `PathOutside` when it would leave the job's folder
 */
export function checkoutFolder(job: JobRequest, step: JobStep, repository: JobRepository): string {
  const chosen = inputOf(step, 'path')?.trim()
  if (chosen) {
    const folder = path.posix.normalize(chosen.replaceAll('\\', '/')).replace(/\/$/, '')
    if (folder === '.' || folder === '..' || folder.startsWith('../') || path.isAbsolute(folder)) {
      throw new Fault(
        'PathOutside',
        `Input path '${chosen}' should resolve to a directory under the job's folder, $(Pipeline.Workspace).`,
      )
    }
    return folder
  }
  const isSingle = job.steps.filter(isCheckout).length <= 1
  return isSingle ? 's' : `s/${safeName(repository)}`
}

/** `Build.SourcesDirectory` relative to the job's folder: the single checkout's folder, else `s`. */
export function sourcesFolder(job: JobRequest): string {
  const [only, ...others] = job.steps.filter(isCheckout)
  if (!only || others.length > 0) return 's'
  try {
    return checkoutFolder(job, only, repositoryOf(job, only))
  } catch {
    // The step itself will say what is wrong.
    return 's'
  }
}

/** `Checkout repo@branch to s`, as the service names a checkout that has no name. */
export function checkoutName(job: JobRequest, step: JobStep): string {
  try {
    const repository = repositoryOf(job, step)
    const branch = repository.branch.replace(/^refs\/(heads|tags)\//, '')
    const at = branch ? `@${branch}` : ''
    return `Checkout ${repository.name}${at} to ${checkoutFolder(job, step, repository)}`
  } catch {
    return 'Checkout'
  }
}

function safeName({ name, alias }: JobRepository): string {
  const last = name.split(/[\\/]/).at(-1)?.trim() ?? ''
  return last === '' || last === '.' || last === '..' ? alias : last
}
