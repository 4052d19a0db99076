/** Which pushes, pull requests, completed runs and times start a run, each with the reason. */
export { parseCron } from './cron.ts'
export type { Verdict } from './patterns.ts'
export {
  type CompletedRun,
  type PipelineRunFacts,
  pipelineResourceVariables,
  refForCompletion,
  shouldRunForPipeline,
} from './pipeline-completion.ts'
export { cancelsOlderRuns, type PullRequestEvent, shouldRunForPullRequest } from './pull-request.ts'
export { type Admission, admitPush, findSkipMarker, type Push, shouldRunForPush } from './push.ts'
export {
  type Occurrence,
  type ScheduleState,
  scheduleOccurrences,
  schedulesInForce,
  shouldRunOnSchedule,
  type Window as ScheduleWindow,
} from './schedule.ts'
