import type { CatalogueTask, EditorDocument } from '../document.ts'

/** Two tasks, one with everything an input can have. */
const sampleTasks: readonly CatalogueTask[] = [
  {
    name: 'AzureKeyVault',
    major: 2,
    friendlyName: 'Azure Key Vault',
    description: 'Download secrets of a vault.',
    inputs: {
      ConnectedServiceName: { aliases: ['azureSubscription'], required: true },
      KeyVaultName: { required: true, help: 'The vault.' },
      SecretsFilter: { default: '*', help: 'Names, separated by commas.' },
      RunAsPreJob: { kind: 'flag', default: 'false' },
    },
  },
  { name: 'Bash', major: 3, friendlyName: 'Bash', description: 'Run a script.', inputs: {} },
]

const TEMPLATES: Readonly<Record<string, string>> = {
  'self ci/steps.yml': `parameters:
  - name: config
    displayName: Configuration
    default: Debug
  - name: verbose
    type: boolean
steps:
  - script: echo
`,
  'self ci/variables.yml': 'variables:\n- name: shared\n  value: one\n- template: more/all.yml\n',
  'self ci/more/all.yml': 'variables:\n- template: deep.yml\n',
  'self ci/more/deep.yml': 'variables:\n  deep: two\n',
  'common jobs.yml': 'parameters:\n  - name: pool\njobs: []\n',
}

/** A document and the offset of the one `|` in its text, which is the cursor. */
export function withCursor(marked: string): { document: EditorDocument; offset: number } {
  const offset = marked.indexOf('|')
  const text = marked.slice(0, offset) + marked.slice(offset + 1)
  return { document: documentOf(text), offset }
}

/** A document in `ci/azure-pipelines.yml` with the sample's tasks and templates around it. */
export function documentOf(text: string): EditorDocument {
  return {
    file: 'ci/azure-pipelines.yml',
    text,
    tasks: sampleTasks,
    readFile: (repository, path) => TEMPLATES[`${repository} ${path}`],
  }
}
