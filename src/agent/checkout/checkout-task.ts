import { mkdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { JobRepository, JobStep } from '../../protocol/index.ts'
import { failed, succeeded, type Task, type TaskContext } from '../../tasks/index.ts'
import type { JobRun } from '../job-run.ts'
import { serverOrigin } from '../variables/predefined.ts'
import { checkoutFolderCopy } from './folder-checkout.ts'
import { checkoutGit, type GitOptions } from './git-checkout.ts'
import { CHECKOUT_TASK_ID, checkoutFolder, inputOf, repositoryOf } from './layout.ts'

type Values = Readonly<Record<string, string | boolean>>

/** The task behind `checkout:`; it needs the job's repositories, so each checkout step has its own. */
export function checkoutTask(run: JobRun, step: JobStep): Task {
  return {
    id: CHECKOUT_TASK_ID,
    name: 'Checkout',
    version: '1.0.0',
    friendlyName: 'Get sources',
    description: 'Get sources from a repository. Supports Git, TfsVC, and SVN repositories.',
    author: 'Microsoft',
    helpUrl: '[More Information](https://go.microsoft.com/fwlink/?LinkId=798199)',
    instanceNameFormat: 'Checkout',
    stages: ['execution'],
    inputs: {
      repository: { kind: 'text', default: 'self' },
      clean: { kind: 'text' },
      fetchDepth: { kind: 'text' },
      fetchTags: { kind: 'text', default: 'true' },
      fetchFilter: { kind: 'text' },
      lfs: { kind: 'flag' },
      persistCredentials: { kind: 'flag' },
      submodules: { kind: 'text' },
      path: { kind: 'text' },
      sparseCheckoutDirectories: { kind: 'text' },
      sparseCheckoutPatterns: { kind: 'text' },
      workspaceRepo: { kind: 'flag' },
    },
    run: (context) => checkout(run, step, context),
  }
}

async function checkout(run: JobRun, step: JobStep, context: TaskContext<Values>) {
  if ((inputOf(step, 'repository') ?? '').toLowerCase() === 'none') return succeeded
  const { inputs } = context
  if (inputs['persistCredentials'] === true) {
    return failed(
      'persistCredentials is not supported: a token is never written to disk. Map $(System.AccessToken) to the step that needs it.',
    )
  }
  if (inputs['sparseCheckoutPatterns']) {
    return failed('sparseCheckoutPatterns is not supported. Use sparseCheckoutDirectories.')
  }
  const repository = repositoryOf(run.job, step)
  const to = path.join(run.workspace.folder, checkoutFolder(run.job, step, repository))
  context.write(`Syncing repository: ${repository.name} (${repository.type})`)
  // A job starts in a new folder, so every checkout is clean whatever the input `clean` says.
  if (to !== run.workspace.sources) await rm(to, { recursive: true, force: true })
  await mkdir(to, { recursive: true, mode: 0o700 })
  if (repository.type === 'Folder') {
    const copy = {
      from: repository.url,
      to,
      except: run.settings.privateFolder ?? run.settings.workFolder,
    }
    const env = run.settings.environment
    const count = await checkoutFolderCopy({ ...copy, env }, context.signal)
    context.write(`Copied ${count} files from ${repository.url}`)
  } else {
    await checkoutGit({
      repository,
      to,
      token: tokenFor(run, repository),
      inheritedSettings: Number(run.settings.environment['GIT_CONFIG_COUNT'] ?? 0) || 0,
      shell: context.shell,
      write: context.write,
      options: gitOptions(inputs),
    })
  }
  return succeeded
}

/** The job's token goes to the job's own server and nowhere else. */
function tokenFor(run: JobRun, { url }: JobRepository) {
  const origin = serverOrigin(run.job)
  if (!origin || !URL.canParse(url) || new URL(url).origin !== origin) return undefined
  return run.variables.find('System.AccessToken')?.value
}

function gitOptions(inputs: Values): GitOptions {
  const text = (name: string): string => String(inputs[name] ?? '').trim()
  const fetchDepth = Number(text('fetchDepth') || 0)
  if (!Number.isInteger(fetchDepth) || fetchDepth < 0) {
    throw new Fault('InputWrong', `fetchDepth is a number of commits, not '${text('fetchDepth')}'.`)
  }
  const submodules = text('submodules').toLowerCase() || 'false'
  if (submodules !== 'false' && submodules !== 'true' && submodules !== 'recursive') {
    throw new Fault('InputWrong', `submodules is true, false or recursive, not '${submodules}'.`)
  }
  return {
    fetchDepth,
    fetchTags: text('fetchTags').toLowerCase() === 'true',
    fetchFilter: text('fetchFilter'),
    submodules,
    lfs: inputs['lfs'] === true,
    sparseDirectories: text('sparseCheckoutDirectories'),
  }
}
