import type { BranchTrigger } from '../plan.ts'
import { judgePaths } from './paths.ts'
import { findPattern, judgeRef, kindOfRef, shortName, type Verdict } from './patterns.ts'

/** What was pushed. */
export interface Push {
  /** The full name, for example `refs/heads/main` or `refs/tags/v1`. */
  readonly ref: string
  /** Files from the root of the repository; undefined for a new branch that changes nothing. */
  readonly changedPaths: readonly string[] | undefined
  /** The messages of all pushed commits, each with its description. */
  readonly messages: readonly string[]
}

const MARKERS = [
  '***NO_CI***',
  '[skip ci]',
  '[ci skip]',
  'skip-checks: true',
  'skip-checks:true',
  '[skip azurepipelines]',
  '[azurepipelines skip]',
  '[skip azpipelines]',
  '[azpipelines skip]',
  '[skip azp]',
  '[azp skip]',
]

/** The marker in a commit message that asks for no run, as it is documented; undefined without one. */
export function findSkipMarker(message: string): string | undefined {
  const text = message.toLowerCase()
  return MARKERS.find((marker) => text.includes(marker.toLowerCase()))
}

/**
 * Whether a push starts a run, and why. `trigger` is the plan's: undefined means the service's
 * default, every branch, unless `impliedTriggers` is false (a setting of organisation and project).
 */
export function shouldRunForPush(
  trigger: BranchTrigger | 'none' | undefined,
  push: Push,
  { impliedTriggers = true }: { readonly impliedTriggers?: boolean } = {},
): Verdict {
  if (trigger === 'none') return { run: false, reason: "The pipeline says 'trigger: none'." }
  if (trigger === undefined && !impliedTriggers) {
    const reason = 'The pipeline has no trigger, and implied triggers are turned off.'
    return { run: false, reason }
  }
  const marker = push.messages.map(findSkipMarker).find((found) => found !== undefined)
  if (marker !== undefined) {
    return { run: false, reason: `A commit message holds '${marker}'.` }
  }
  const kind = kindOfRef(push.ref)
  if (kind === undefined) return { run: false, reason: `'${push.ref}' is no branch and no tag.` }
  return kind === 'tag' ? judgeTag(trigger, push.ref) : judgeBranch(trigger, push)
}

/** Tags start runs only where tags are configured, or where a branch filter names `refs/tags/`. */
function judgeTag(trigger: BranchTrigger | undefined, ref: string): Verdict {
  const { branches, tags } = trigger ?? {}
  const named = branches?.include.filter((pattern) => /^\/?refs\/tags\//.test(pattern)) ?? []
  const pattern = findPattern(named, ref)
  if (pattern !== undefined && findPattern(branches?.exclude ?? [], ref) === undefined) {
    return { run: true, reason: `The tag '${shortName(ref)}' is included by '${pattern}'.` }
  }
  if (tags) return judgeRef(tags, ref)
  return { run: false, reason: `The trigger names no tags, and '${shortName(ref)}' is a tag.` }
}

function judgeBranch(trigger: BranchTrigger | undefined, { ref, changedPaths }: Push): Verdict {
  if (!trigger) return { run: true, reason: 'Without a trigger, every branch starts a run.' }
  const { branches, paths, tags } = trigger
  // A path filter alone implies all branches; a tag filter alone implies none.
  if (!branches && tags && !paths) {
    return {
      run: false,
      reason: `The trigger names tags only, and '${shortName(ref)}' is a branch.`,
    }
  }
  const branch = judgeRef(branches ?? { include: [], exclude: [] }, ref)
  if (!branch.run || !paths) return branch
  if (changedPaths === undefined) {
    const reason = 'The new branch changes no file, and the trigger has a path filter.'
    return { run: false, reason }
  }
  const change = judgePaths(paths, changedPaths)
  return change.run ? { run: true, reason: `${branch.reason} ${change.reason}` } : change
}

/** When a push that starts a run may do so. */
export interface Admission {
  readonly start: boolean
  readonly reason: string
  /** `Build.Reason` of the run that takes the push. */
  readonly buildReason: 'IndividualCI' | 'BatchedCI'
}

/**
 * With `batch`, pushes to a branch wait while a run of it is in progress, and one run takes them all
 * when that has ended; without, each push starts its own.
 */
export function admitPush(trigger: BranchTrigger | undefined, isRunInProgress: boolean): Admission {
  if (!trigger?.batch) {
    return { start: true, reason: 'Each push starts a run.', buildReason: 'IndividualCI' }
  }
  return isRunInProgress
    ? {
        start: false,
        reason:
          'The trigger collects pushes while a run is in progress; the next run takes this one.',
        buildReason: 'BatchedCI',
      }
    : { start: true, reason: 'No run is in progress.', buildReason: 'BatchedCI' }
}
