import type { PullRequestTrigger } from '../plan.ts'
import { judgePaths } from './paths.ts'
import { judgeRef, type Verdict } from './patterns.ts'

/** A pull request that was opened or got new commits. */
export interface PullRequestEvent {
  /** Where the repository is hosted; in Azure Repos (`git`) branch policies decide instead. */
  readonly repositoryType: 'git' | 'github' | 'githubenterprise' | 'bitbucket'
  /** The target branch, with or without `refs/heads/`. */
  readonly targetRef: string
  readonly changedPaths: readonly string[]
  readonly isDraft: boolean
}

/** Whether a pull request starts a run, and why; undefined `pr` means every target branch. */
export function shouldRunForPullRequest(
  pr: PullRequestTrigger | 'none' | undefined,
  { repositoryType, targetRef, changedPaths, isDraft }: PullRequestEvent,
): Verdict {
  if (repositoryType === 'git') {
    const reason = "In Azure Repos, branch policies start runs for pull requests; 'pr' is ignored."
    return { run: false, reason }
  }
  if (pr === 'none') return { run: false, reason: "The pipeline says 'pr: none'." }
  if (!pr) return { run: true, reason: "Without 'pr', every pull request starts a run." }
  if (isDraft && !pr.drafts) {
    return { run: false, reason: "The pull request is a draft, and 'drafts' is false." }
  }
  const branch = judgeRef(pr.branches ?? { include: [], exclude: [] }, targetRef)
  if (!branch.run || !pr.paths) return branch
  const change = judgePaths(pr.paths, changedPaths)
  return change.run ? { run: true, reason: `${branch.reason} ${change.reason}` } : change
}

/** True when new commits of a pull request cancel its older runs. */
export function cancelsOlderRuns(pr: PullRequestTrigger | 'none' | undefined): boolean {
  return typeof pr === 'object' ? pr.autoCancel : pr === undefined
}
