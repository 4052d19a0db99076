import { CHECKOUT_TASK } from '../plan.ts'
import { didYouMean } from '../schema/suggest.ts'
import { find, type MappingToken, type Token } from '../text/token.ts'
import { type ModelContext, refuse } from './context.ts'
import { flagTextAt, textAt, textRecord } from './read.ts'

/** The task that a step is, with its inputs. */
export interface Desugared {
  readonly task: { readonly name: string; readonly version: string }
  readonly inputs: Readonly<Record<string, string>>
  /** Set where the sugar itself decides it. */
  readonly condition?: string
}

/** A step's own keys: name in the document, name of the input, and whether it is a boolean. */
type Row = readonly [key: string, input: string, flag?: 'flag']

const SHELL: readonly Row[] = [
  ['failOnStderr', 'failOnStderr', 'flag'],
  ['workingDirectory', 'workingDirectory'],
]

const POWERSHELL: readonly Row[] = [
  ['errorActionPreference', 'errorActionPreference'],
  ['warningPreference', 'warningPreference'],
  ['informationPreference', 'informationPreference'],
  ['verbosePreference', 'verbosePreference'],
  ['debugPreference', 'debugPreference'],
  ['progressPreference', 'progressPreference'],
  ['reportErrorActionPreference', 'reportErrorActionPreference'],
  ['ignoreLASTEXITCODE', 'ignoreLASTEXITCODE', 'flag'],
  ...SHELL,
]

const CHECKOUT: readonly Row[] = [
  ['clean', 'clean', 'flag'],
  ['fetchDepth', 'fetchDepth'],
  ['fetchFilter', 'fetchFilter'],
  ['fetchTags', 'fetchTags', 'flag'],
  ['lfs', 'lfs', 'flag'],
  ['persistCredentials', 'persistCredentials', 'flag'],
  ['submodules', 'submodules'],
  ['path', 'path'],
  ['sparseCheckoutDirectories', 'sparseCheckoutDirectories'],
  ['sparseCheckoutPatterns', 'sparseCheckoutPatterns'],
  ['workspaceRepo', 'workspaceRepo', 'flag'],
]

type Sugar = (value: string, step: MappingToken, context: ModelContext) => Desugared | undefined

const inline = (
  name: string,
  version: string,
  more: Record<string, string>,
  rows: readonly Row[],
) =>
  ((value, step) => ({
    task: { name, version },
    inputs: { ...more, script: value, ...rowInputs(step, rows) },
  })) satisfies Sugar

/** What each first key turns into (facts §4.2.5). */
const SUGAR: Readonly<Record<string, Sugar>> = {
  task: (value, step) => {
    const at = value.lastIndexOf('@')
    const task = { name: value.slice(0, at), version: value.slice(at + 1) }
    return { task, inputs: textRecord(find(step, 'inputs')) }
  },
  script: inline('CmdLine', '2', {}, SHELL),
  bash: inline('Bash', '3', { targetType: 'inline' }, SHELL),
  powershell: inline('PowerShell', '2', { targetType: 'inline' }, POWERSHELL),
  pwsh: inline('PowerShell', '2', { targetType: 'inline', pwsh: 'true' }, POWERSHELL),
  checkout: toCheckout,
  publish: toPublish,
  upload: toPublish,
  download: toDownload,
  downloadBuild: (value, step, context) => {
    expectAlias(find(step, 'downloadBuild'), ['builds', 'build'], context)
    const rows: readonly Row[] = [
      ['artifact', 'artifactName'],
      ['path', 'downloadPath'],
      ['patterns', 'itemPattern'],
    ]
    const inputs = { build: value, ...rowInputs(step, rows) }
    return { task: { name: 'DownloadBuildArtifacts', version: '0' }, inputs }
  },
  getPackage: (value, step, context) => {
    expectAlias(find(step, 'getPackage'), ['packages', 'package'], context)
    const inputs = { package: value, ...rowInputs(step, [['path', 'downloadPath']]) }
    return { task: { name: 'DownloadPackage', version: '1' }, inputs }
  },
  reviewApp: (value) => ({
    task: { name: 'ReviewApp', version: '0' },
    inputs: { resourceName: value },
  }),
}

/** Undoes the sugar of a step; undefined for `download: none`, which only stops an injection. */
export function desugar(step: MappingToken, context: ModelContext): Desugared | undefined {
  for (const { key, value } of step.entries) {
    const sugar = Object.hasOwn(SUGAR, key.text) ? SUGAR[key.text] : undefined
    if (sugar) return sugar(value.kind === 'scalar' ? value.text : '', step, context)
  }
  return undefined
}

function rowInputs(step: Token, rows: readonly Row[]): Record<string, string> {
  const inputs: Record<string, string> = {}
  for (const [key, input, flag] of rows) {
    const text = flag ? flagTextAt(step, key) : textAt(step, key)
    if (text !== undefined) inputs[input] = text
  }
  return inputs
}

/** Repositories written in place: `git://project/repo@ref`, `github://owner/repo`. */
const INLINE_REPOSITORY = /^(git|github|githubenterprise|bitbucket):\/\/./

function toCheckout(value: string, step: MappingToken, context: ModelContext): Desugared {
  if (value === 'none') {
    return { task: CHECKOUT_TASK, inputs: { repository: 'none' }, condition: 'false' }
  }
  const known = value === 'self' || value.includes('$(') || INLINE_REPOSITORY.test(value)
  const at = find(step, 'checkout')
  if (!known) expectAlias(at, ['repositories', 'repository'], context, ['self', 'none'])
  return { task: CHECKOUT_TASK, inputs: { repository: value, ...rowInputs(step, CHECKOUT) } }
}

function toPublish(value: string, step: MappingToken): Desugared {
  const inputs = { path: value, ...rowInputs(step, [['artifact', 'artifactName']]) }
  return { task: { name: 'PublishPipelineArtifact', version: '1' }, inputs }
}

const WORKSPACE = '$(Pipeline.Workspace)'

function toDownload(
  value: string,
  step: MappingToken,
  context: ModelContext,
): Desugared | undefined {
  if (value === 'none') return undefined
  if (value !== 'current') {
    expectAlias(find(step, 'download'), ['pipelines', 'pipeline'], context, ['current', 'none'])
  }
  const artifact = textAt(step, 'artifact')
  const inputs = {
    ...downloadInputs(value, artifact),
    ...rowInputs(step, [
      ['artifact', 'artifactName'],
      ['patterns', 'patterns'],
      ['path', 'targetPath'],
    ]),
  }
  return { task: DOWNLOAD_TASK, inputs }
}

/** The task that `download:` becomes. */
export const DOWNLOAD_TASK = { name: 'DownloadPipelineArtifact', version: '2' } as const

/** Inputs that fetch artifacts of `current` or of the pipeline resource `alias`. */
export function downloadInputs(alias: string, artifact?: string): Record<string, string> {
  const below = artifact === undefined ? '' : `/${artifact}`
  if (alias === 'current') return { buildType: 'current', targetPath: `${WORKSPACE}${below}` }
  return {
    buildType: 'specific',
    project: `$(resources.pipeline.${alias}.projectID)`,
    definition: `$(resources.pipeline.${alias}.pipelineID)`,
    buildVersionToDownload: 'specific',
    pipelineId: `$(resources.pipeline.${alias}.runID)`,
    targetPath: `${WORKSPACE}/${alias}${below}`,
  }
}

function expectAlias(
  token: Token | undefined,
  [kind, noun]: readonly ['repositories' | 'pipelines' | 'builds' | 'packages', string],
  context: ModelContext,
  others: readonly string[] = [],
): void {
  if (token?.kind !== 'scalar' || token.text === '') return
  const aliases = context.resources[kind].map(({ alias }) => alias)
  if (aliases.includes(token.text)) return
  const message = `The ${noun} resource '${token.text}' could not be found.`
  const hint =
    didYouMean(token.text, [...aliases, ...others]) ??
    `Declare it under resources.${kind}, or use one of: ${[...others, ...aliases].join(', ')}.`
  refuse(context, token, ['unknown-resource', message, hint])
}
