import { type Grammar, type KeyShape, key } from './shape.ts'

const common: Readonly<Record<string, KeyShape>> = {
  condition: key('condition', 'When the step runs.', { default: 'succeeded()' }),
  continueOnError: key('boolean', 'A failure counts as a warning.', { default: 'false' }),
  displayName: key('string', 'The name shown in logs.'),
  target: key('target', 'Where the step runs: the host or a container.'),
  enabled: key('boolean', 'Whether the step is part of the job.', { default: 'true' }),
  env: key('textMap', 'Variables to put in the environment.'),
  name: key('name', 'The name that output variables are read by.'),
  timeoutInMinutes: key('number', 'Minutes until the step is stopped; 0 means never.', {
    default: '0',
  }),
  retryCountOnTaskFailure: key('number', 'How often a failure is tried again.', { default: '0' }),
}

const shell: Readonly<Record<string, KeyShape>> = {
  workingDirectory: key('string', 'The folder to start in.'),
  failOnStderr: key('boolean', 'Any error output fails the step.', { default: 'false' }),
}

const powershell: Readonly<Record<string, KeyShape>> = {
  ...shell,
  errorActionPreference: key('preference', 'What an error does.', { default: 'stop' }),
  warningPreference: key('preference', 'What a warning does.'),
  informationPreference: key('preference', 'What information does.'),
  verbosePreference: key('preference', 'What verbose output does.'),
  debugPreference: key('preference', 'What debug output does.'),
  progressPreference: key('preference', 'What progress output does.'),
  ignoreLASTEXITCODE: key('boolean', 'Do not fail for the exit code of the last program.', {
    default: 'false',
  }),
  reportErrorActionPreference: key('preference', 'What a reported error does.'),
}

/** An object of the grammar for the step that starts with `first`. */
function step(
  first: string,
  value: KeyShape,
  keys: Readonly<Record<string, KeyShape>> = {},
): Grammar[string] {
  return {
    kind: 'object',
    first,
    keys: { [first]: { ...value, required: true }, ...keys, ...common },
  }
}

/** Steps: the first key decides which one it is. */
export const stepShapes: Grammar = {
  preference: {
    kind: 'text',
    format: 'string',
    values: ['default', 'stop', 'continue', 'silentlyContinue', 'suspend', 'break', 'inquire'],
    ignoreCase: true,
  },
  task: { kind: 'text', format: 'task' },
  taskStep: step('task', key('task', 'The task and its major version, for example `Bash@3`.'), {
    inputs: key('textMap', 'Inputs of the task.'),
  }),
  scriptStep: step('script', key('string', 'A command line.'), shell),
  bashStep: step('bash', key('string', 'A Bash script.'), shell),
  powershellStep: step('powershell', key('string', 'A Windows PowerShell script.'), powershell),
  pwshStep: step('pwsh', key('string', 'A PowerShell script.'), powershell),
  checkoutStep: step('checkout', key('alias', '`none`, `self` or the alias of a repository.'), {
    clean: key('boolean', 'Clean the folder before fetching.'),
    fetchDepth: key('string', 'How many commits to fetch; 0 means all.'),
    fetchFilter: key('string', 'A partial clone filter, for example `blob:none`.'),
    fetchTags: key('boolean', 'Fetch tags.'),
    lfs: key('boolean', 'Fetch large files.'),
    persistCredentials: key('boolean', 'Leave the token in the git configuration.', {
      default: 'false',
    }),
    submodules: key('submodules', '`true` for one level, `recursive` for all.'),
    path: key('string', 'The folder below the build directory.'),
    sparseCheckoutDirectories: key('string', 'Directories to check out.'),
    sparseCheckoutPatterns: key('string', 'Patterns to check out.'),
    workspaceRepo: key('boolean', 'Use it as the default working directory.', {
      default: 'false',
    }),
  }),
  downloadStep: step('download', key('alias', '`current`, `none` or a pipeline alias.'), {
    artifact: key('string', 'One artifact; all unless told.'),
    patterns: key('string', 'Files to download.'),
    path: key('string', 'The folder to download to.'),
  }),
  downloadBuildStep: step('downloadBuild', key('alias', 'The alias of a build resource.'), {
    artifact: key('string', 'One artifact; all unless told.'),
    path: key('string', 'The folder to download to.'),
    patterns: key('string', 'Files to download.'),
  }),
  getPackageStep: step('getPackage', key('alias', 'The alias of a package resource.'), {
    path: key('string', 'The folder to download to.'),
  }),
  publishStep: step('publish', key('string', 'The file or folder to publish.'), {
    artifact: key('string', 'The name of the artifact.'),
  }),
  uploadStep: step('upload', key('string', 'The file or folder to publish (older form).'), {
    artifact: key('string', 'The name of the artifact.'),
  }),
  reviewAppStep: step('reviewApp', key('string', 'The resource that the review app is made of.')),
  step: {
    kind: 'choice',
    of: [
      'taskStep',
      'scriptStep',
      'bashStep',
      'powershellStep',
      'pwshStep',
      'checkoutStep',
      'downloadStep',
      'downloadBuildStep',
      'getPackageStep',
      'publishStep',
      'uploadStep',
      'reviewAppStep',
      'templateReference',
    ],
  },
  steps: { kind: 'list', of: 'step' },
  target: { kind: 'choice', of: ['string', 'targetMapping'] },
  targetMapping: {
    kind: 'object',
    keys: {
      container: key('string', 'A container of the job, or `host`.', { default: 'host' }),
      commands: key('commandMode', 'Which logging commands the step may use.', { default: 'any' }),
      settableVariables: key('settableVariables', 'Variables that the step may set.'),
    },
  },
  commandMode: { kind: 'text', format: 'string', values: ['any', 'restricted'] },
  settableVariables: { kind: 'choice', of: ['none', 'texts'] },
}
