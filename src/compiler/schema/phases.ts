import { type Grammar, type KeyShape, key } from './shape.ts'

const runs: Readonly<Record<string, KeyShape>> = {
  timeoutInMinutes: key('number', 'Minutes until the job is cancelled.'),
  cancelTimeoutInMinutes: key('number', 'Minutes that cancelled steps may take.'),
  parallel: key('number', 'How many legs or copies run at once.'),
  matrix: key('matrix', 'Legs by name, each with its variables.'),
}

/** Jobs in their older form: `phases`, with `queue` or `server` in place of `pool`. */
export const phaseShapes: Grammar = {
  ordinaryPhase: {
    kind: 'object',
    first: 'phase',
    variableScope: true,
    keys: {
      phase: key('name', 'The name of the job.', { required: true }),
      displayName: key('string', 'The name shown.'),
      dependsOn: key('dependsOn', 'Jobs that must finish before.'),
      condition: key('condition', 'When the job runs.', { default: 'succeeded()' }),
      continueOnError: key('boolean', 'A failure counts as a warning.', { default: 'false' }),
      queue: key('queue', 'The pool that the job runs in.'),
      server: key('server', 'The job runs on the server.'),
      variables: key('variables', 'Variables of the job.'),
      steps: key('steps', 'What the job does.'),
    },
  },
  phase: { kind: 'choice', of: ['ordinaryPhase', 'templateReference'] },
  phases: { kind: 'list', of: 'phase' },
  queue: { kind: 'choice', of: ['string', 'queueMapping'] },
  queueMapping: {
    kind: 'object',
    keys: {
      name: key('string', 'The name of the pool.'),
      demands: key('demands', 'Capabilities that the agent must have.'),
      container: key('container', 'The container that the steps run in.'),
      workspace: key('workspace', 'What is cleaned before the job.'),
      ...runs,
    },
  },
  server: { kind: 'choice', of: ['boolean', 'serverMapping'] },
  serverMapping: { kind: 'object', keys: runs },
}
