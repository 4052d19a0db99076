import { jobShapes } from './jobs.ts'
import { phaseShapes } from './phases.ts'
import { resourceShapes } from './resources.ts'
import { type Grammar, key, type ObjectShape } from './shape.ts'
import { stepShapes } from './steps.ts'
import { triggerShapes } from './triggers.ts'

const containerKeys = (resourceShapes['containerKeys'] as ObjectShape).keys

const basic: Grammar = {
  any: { kind: 'any' },
  string: { kind: 'text', format: 'string' },
  boolean: { kind: 'text', format: 'boolean' },
  number: { kind: 'text', format: 'number' },
  name: { kind: 'text', format: 'name' },
  condition: { kind: 'text', format: 'condition' },
  texts: { kind: 'list', of: 'string' },
  textMap: { kind: 'map', of: 'string' },
  anyMap: { kind: 'map', of: 'any' },
  containerResource: {
    kind: 'object',
    first: 'container',
    keys: {
      container: key('alias', 'The alias that jobs use.', { required: true }),
      ...containerKeys,
    },
  },
  inlineContainer: {
    kind: 'object',
    keys: { alias: key('string', 'The alias of a container resource.'), ...containerKeys },
  },
}

const variables: Grammar = {
  variableEntry: {
    kind: 'object',
    first: 'name',
    keys: {
      name: key('nonEmpty', 'The name.', { required: true }),
      value: key('string', 'The value.', { default: '' }),
      readonly: key('boolean', 'Later steps may not set it.', { default: 'false' }),
    },
  },
  nonEmpty: { kind: 'text', format: 'nonEmpty' },
  groupEntry: {
    kind: 'object',
    first: 'group',
    keys: { group: key('nonEmpty', 'The name of a variable group.', { required: true }) },
  },
  variable: { kind: 'choice', of: ['variableEntry', 'groupEntry', 'templateReference'] },
  variableList: { kind: 'list', of: 'variable' },
  variableMap: { kind: 'map', of: 'string' },
  variables: { kind: 'choice', of: ['variableMap', 'variableList'] },
}

const templates: Grammar = {
  templateReference: {
    kind: 'object',
    first: 'template',
    keys: {
      template: key('nonEmpty', 'The path of the file; `@alias` names its repository.', {
        required: true,
      }),
      parameters: key('anyMap', 'Values for the parameters of the template.'),
    },
  },
  parameter: {
    kind: 'object',
    first: 'name',
    keys: {
      name: key('nonEmpty', 'The name.', { required: true }),
      displayName: key('string', 'The name shown to people.'),
      type: key('parameterType', 'The kind of value.', { default: 'string' }),
      default: key('any', 'The value when none is given.'),
      values: key('texts', 'The only values allowed.'),
    },
  },
  parameterType: {
    kind: 'text',
    format: 'string',
    ignoreCase: true,
    values: [
      'string',
      'stringList',
      'number',
      'boolean',
      'object',
      'legacyObject',
      'step',
      'stepList',
      'job',
      'jobList',
      'deployment',
      'deploymentList',
      'stage',
      'stageList',
      'container',
      'containerList',
      'environment',
      'filePath',
      'pool',
      'secureFile',
      'serviceConnection',
    ],
  },
  parameters: { kind: 'list', of: 'parameter', expressions: 'none' },
  templateParameters: { kind: 'choice', of: ['parameters', 'anyMap'], expressions: 'none' },
}

const lockBehavior = key('lockBehavior', 'What happens to older runs that wait for a lock.', {
  default: 'runLatest',
})

const stages: Grammar = {
  lockBehavior: { kind: 'text', format: 'string', values: ['sequential', 'runLatest'] },
  stageTrigger: { kind: 'text', format: 'string', values: ['automatic', 'manual'] },
  check: {
    kind: 'object',
    keys: { type: key('string', 'The kind of check.', { required: true }) },
  },
  checks: { kind: 'list', of: 'check' },
  ordinaryStage: {
    kind: 'object',
    first: 'stage',
    variableScope: true,
    keys: {
      stage: key('name', 'The name of the stage.', { required: true }),
      group: key('string', 'The path under which stages are shown together.'),
      displayName: key('string', 'The name shown.'),
      pool: key('pool', 'Where the jobs of the stage run.'),
      dependsOn: key('dependsOn', 'Stages that must finish before; the previous one unless told.'),
      condition: key('condition', 'When the stage runs.', { default: 'succeeded()' }),
      variables: key('variables', 'Variables of the stage.'),
      jobs: key('jobs', 'The jobs of the stage.'),
      lockBehavior,
      trigger: key('stageTrigger', 'Whether a person starts the stage.', { default: 'automatic' }),
      isSkippable: key('boolean', 'Whether a person may skip the stage.', { default: 'true' }),
      templateContext: key('any', 'Data for the template that the pipeline extends.'),
      checks: key('checks', 'Checks of the stage.'),
    },
  },
  stage: { kind: 'choice', of: ['ordinaryStage', 'templateReference'] },
  stages: { kind: 'list', of: 'stage' },
}

const templateParameters = key('templateParameters', 'What the template is given.')

const templateRoots: Grammar = {
  stepsTemplate: {
    kind: 'object',
    keys: { parameters: templateParameters, steps: key('steps', 'The steps.') },
  },
  jobsTemplate: {
    kind: 'object',
    keys: { parameters: templateParameters, jobs: key('jobs', 'The jobs.') },
  },
  stagesTemplate: {
    kind: 'object',
    keys: { parameters: templateParameters, stages: key('stages', 'The stages.') },
  },
  variablesTemplate: {
    kind: 'object',
    keys: { parameters: templateParameters, variables: key('variables', 'The variables.') },
  },
  phasesTemplate: {
    kind: 'object',
    keys: { parameters: templateParameters, phases: key('phases', 'The jobs.') },
  },
  deploymentJobs: { kind: 'list', of: 'deploymentJob' },
}

const pipeline: Grammar = {
  extends: {
    kind: 'object',
    keys: {
      template: key('nonEmpty', 'The path of the file; `@alias` names its repository.', {
        required: true,
      }),
      parameters: key('anyMap', 'Values for the parameters of the template.'),
    },
  },
  pipeline: {
    kind: 'object',
    variableScope: true,
    keys: {
      name: key('string', 'The format of run numbers.', { default: '$(Date:yyyyMMdd).$(Rev:r)' }),
      appendCommitMessageToRunName: key('boolean', 'Show the commit message behind the number.', {
        default: 'true',
      }),
      trigger: key('trigger', 'Pushes that start a run; all branches unless told.'),
      parameters: key('parameters', 'Values that are chosen when a run is started.'),
      pr: key('pr', 'Pull requests that start a run.'),
      schedules: key('schedules', 'Times at which runs start.'),
      resources: key('resources', 'Things outside of this repository that the pipeline uses.'),
      variables: key('variables', 'Variables of the pipeline.'),
      lockBehavior,
      pool: key('pool', 'Where jobs run unless they say otherwise.'),
      stages: key('stages', 'The stages.'),
      jobs: key('jobs', 'The jobs of a pipeline without stages.'),
      phases: key('phases', 'Jobs in their older form.'),
      extends: key('extends', 'The template that the pipeline is made from.'),
      steps: key('steps', 'The steps of a pipeline with one job.'),
      strategy: key('strategy', 'Runs the only job several times.'),
      continueOnError: key('boolean', 'A failure of the only job counts as a warning.'),
      container: key('container', 'The container of the only job.'),
      services: key('services', 'Containers beside the only job.'),
      workspace: key('workspace', 'What is cleaned before the only job.'),
    },
  },
}

/** The language as data: what every node may hold, for the checker and for editors. */
export const grammar: Grammar = {
  ...basic,
  ...triggerShapes,
  ...resourceShapes,
  ...variables,
  ...templates,
  ...stepShapes,
  ...jobShapes,
  ...phaseShapes,
  ...stages,
  ...templateRoots,
  ...pipeline,
}
