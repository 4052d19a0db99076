import { command } from '../command.ts'

const HELP = {
  file: 'The YAML file (default azure-pipelines.yml or azure-pipelines.yaml in this folder).',
  parameters: 'Values of the pipeline parameters.',
  variables: 'Variables that are known when the run is queued.',
}

/** Commands that read pipelines and start no server. */
export const compilerCommands = [
  command(
    'validate [FILE...] [--format <text|json|sarif>] [--parameters <k=v>...] [--variables <k=v>...]',
    'Check pipelines and their templates; exit code 1 when there are errors.',
    async (options, { terminal }) => {
      const { validate } = await import('../pipelines/index.ts')
      return validate(options, { terminal, folder: process.cwd() })
    },
    {
      help: {
        ...HELP,
        format: 'Pictures for people, or JSON or SARIF for programs (default text).',
      },
      examples: ['sluice validate', 'sluice validate ci/build.yml --format sarif'],
    },
  ),
  command(
    'compile [FILE] [--format <yaml|json>] [--trace <expression-or-path>] [--parameters <k=v>...] [--variables <k=v>...]',
    'Print what a pipeline becomes: templates expanded, or one value explained.',
    async (options, { terminal }) => {
      const { printCompiled } = await import('../pipelines/index.ts')
      return printCompiled(options, { terminal, folder: process.cwd() })
    },
    {
      help: {
        ...HELP,
        format: 'The final document as YAML, or the plan as JSON (default yaml).',
        trace: 'An expression, a variable, or a path such as stages[0].jobs.build.condition.',
      },
      examples: [
        'sluice compile --format json',
        'sluice compile --trace "eq(variables.config, \'Release\')"',
        'sluice compile --trace stages.deploy.condition',
      ],
    },
  ),
  command(
    'language-server [--stdio]',
    'Serve an editor over stdin and stdout, by the Language Server Protocol.',
    async () => {
      const { serveEditor } = await import('../language-server/index.ts')
      return serveEditor(process.stdin, process.stdout)
    },
    { help: { stdio: 'The only way there is; accepted because editors ask for it.' } },
  ),
]
