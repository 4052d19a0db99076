import { type Grammar, type KeyShape, key } from './shape.ts'

const common: Readonly<Record<string, KeyShape>> = {
  displayName: key('string', 'The name shown.'),
  dependsOn: key('dependsOn', 'Jobs of the same stage that must finish before.'),
  condition: key('condition', 'When the job runs.', { default: 'succeeded()' }),
  continueOnError: key('boolean', 'A failure counts as a warning.', { default: 'false' }),
  timeoutInMinutes: key('number', 'Minutes until the job is cancelled.', { default: '60' }),
  cancelTimeoutInMinutes: key('number', 'Minutes that cancelled steps may take.', {
    default: '5',
  }),
  variables: key('variables', 'Variables of the job.'),
  pool: key('pool', 'Where the job runs.'),
  container: key('container', 'The container that the steps run in.'),
  services: key('services', 'Containers that run beside the job.'),
  workspace: key('workspace', 'What is cleaned before the job.'),
  uses: key('uses', 'Resources the job needs that no step names.'),
  templateContext: key('any', 'Data for the template that the pipeline extends.'),
}

const hook = (docs: string): KeyShape => key('hook', docs)

const hooks: Readonly<Record<string, KeyShape>> = {
  preDeploy: hook('Before the deployment.'),
  deploy: hook('The deployment.'),
  routeTraffic: hook('Sends traffic to the new version.'),
  postRouteTraffic: hook('After traffic was sent.'),
  on: key('outcomeHooks', 'After success or failure.'),
}

/** Jobs, deployment jobs and what they hold. */
export const jobShapes: Grammar = {
  dependsOn: { kind: 'choice', of: ['string', 'texts'] },
  ordinaryJob: {
    kind: 'object',
    first: 'job',
    variableScope: true,
    keys: {
      job: key('name', 'The name of the job.', { required: true }),
      ...common,
      strategy: key('strategy', 'Runs the job several times.'),
      steps: key('steps', 'What the job does.'),
    },
  },
  deploymentJob: {
    kind: 'object',
    first: 'deployment',
    variableScope: true,
    keys: {
      deployment: key('name', 'The name of the job.', { required: true }),
      ...common,
      environment: key('environment', 'What is deployed to.'),
      strategy: key('deploymentStrategy', 'How the hooks run.'),
    },
  },
  job: { kind: 'choice', of: ['ordinaryJob', 'deploymentJob', 'templateReference'] },
  jobs: { kind: 'list', of: 'job' },
  pool: { kind: 'choice', of: ['string', 'poolMapping'] },
  poolMapping: {
    kind: 'object',
    extra: 'any',
    keys: {
      name: key('string', 'The name of the pool.'),
      demands: key('demands', 'Capabilities that the agent must have.'),
      vmImage: key('string', 'The image of a hosted agent.'),
    },
  },
  demands: { kind: 'choice', of: ['string', 'texts'] },
  container: { kind: 'choice', of: ['string', 'inlineContainer'] },
  services: { kind: 'map', of: 'container' },
  workspace: {
    kind: 'object',
    keys: { clean: key('cleanMode', 'What to clean.') },
  },
  cleanMode: { kind: 'text', format: 'string', values: ['outputs', 'resources', 'all'] },
  uses: {
    kind: 'object',
    keys: {
      repositories: key('texts', 'Aliases of repositories.'),
      pools: key('texts', 'Names of pools.'),
    },
  },
  strategy: {
    kind: 'object',
    keys: {
      matrix: key('matrix', 'Legs by name, each with its variables; or `$[ ]`.'),
      maxParallel: key('number', 'How many legs run at once.'),
      parallel: key('number', 'How many copies of the job run.'),
    },
  },
  matrix: { kind: 'choice', of: ['string', 'matrixLegs'] },
  matrixLegs: { kind: 'map', of: 'textMap' },
  deploymentStrategy: {
    kind: 'object',
    keys: {
      runOnce: key('runOnce', 'Every hook once.'),
      rolling: key('rolling', 'Machine by machine.'),
      canary: key('canary', 'In growing increments.'),
    },
  },
  runOnce: { kind: 'object', keys: hooks },
  rolling: {
    kind: 'object',
    keys: {
      maxParallel: key('string', 'Machines at once: a number, or a share such as `50%`.'),
      ...hooks,
    },
  },
  canary: {
    kind: 'object',
    keys: { increments: key('texts', 'Shares of each increment.'), ...hooks },
  },
  hook: {
    kind: 'object',
    keys: {
      steps: key('steps', 'What the hook does.'),
      pool: key('pool', 'Where the hook runs.'),
    },
  },
  outcomeHooks: {
    kind: 'object',
    keys: { success: hook('After success.'), failure: hook('After a failure.') },
  },
  environment: { kind: 'choice', of: ['string', 'environmentMapping'] },
  environmentMapping: {
    kind: 'object',
    keys: {
      name: key('string', 'The environment.'),
      resourceName: key('string', 'A resource in it.'),
      resourceId: key('string', 'The number of a resource in it.'),
      resourceType: key('resourceType', 'The kind of resource.'),
      tags: key('string', 'Tags that select resources, separated by commas.'),
    },
  },
  resourceType: {
    kind: 'text',
    format: 'string',
    values: ['virtualMachine', 'kubernetes'],
    ignoreCase: true,
  },
}
