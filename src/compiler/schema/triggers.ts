import { type Grammar, key } from './shape.ts'

/** `trigger`, `pr` and `schedules`. Template expressions are not evaluated in them. */
export const triggerShapes: Grammar = {
  none: { kind: 'text', format: 'string', values: ['none'] },
  branchPattern: { kind: 'text', format: 'branchPattern' },
  branchPatterns: { kind: 'list', of: 'branchPattern' },
  path: { kind: 'text', format: 'nonEmpty' },
  paths: { kind: 'list', of: 'path' },
  branchFilterMapping: {
    kind: 'object',
    keys: {
      include: key('branchPatterns', 'Patterns that must match.'),
      exclude: key('branchPatterns', 'Patterns that must not match; they win.'),
    },
  },
  branchFilter: { kind: 'choice', of: ['branchPatterns', 'branchFilterMapping'] },
  pathFilterMapping: {
    kind: 'object',
    keys: {
      include: key('paths', 'Paths from the root of the repository that must have changed.'),
      exclude: key('paths', 'Paths whose changes do not count; they win.'),
    },
  },
  pathFilter: { kind: 'choice', of: ['paths', 'pathFilterMapping'] },
  triggerMapping: {
    kind: 'object',
    keys: {
      batch: key('boolean', 'Collect pushes while a run is in progress.', { default: 'false' }),
      branches: key('branchFilter', 'Branches whose pushes start a run.'),
      paths: key('pathFilter', 'Files whose changes start a run.'),
      tags: key('branchFilter', 'Tags whose pushes start a run.'),
    },
  },
  trigger: {
    kind: 'choice',
    of: ['none', 'branchPatterns', 'triggerMapping'],
    expressions: 'none',
  },
  pullRequestMapping: {
    kind: 'object',
    keys: {
      autoCancel: key('boolean', 'Cancel older runs of the pull request.', { default: 'true' }),
      branches: key('branchFilter', 'Target branches.'),
      paths: key('pathFilter', 'Files whose changes count.'),
      drafts: key('boolean', 'Run for draft pull requests.', { default: 'true' }),
    },
  },
  pr: {
    kind: 'choice',
    of: ['none', 'branchPatterns', 'pullRequestMapping'],
    expressions: 'none',
  },
  cron: { kind: 'text', format: 'cron' },
  schedule: {
    kind: 'object',
    first: 'cron',
    keys: {
      cron: key('cron', 'Five fields in UTC: minute, hour, day, month, weekday.', {
        required: true,
      }),
      displayName: key('string', 'The name shown for runs of this schedule.'),
      branches: key('branchFilter', 'Branches that the schedule runs on.'),
      batch: key('boolean', 'Skip while an earlier run is in progress.', { default: 'false' }),
      always: key('boolean', 'Run even when nothing has changed.', { default: 'false' }),
    },
  },
  scheduleList: { kind: 'list', of: 'schedule' },
  schedules: { kind: 'choice', of: ['none', 'scheduleList'], expressions: 'none' },
}
