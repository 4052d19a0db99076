/**
 * Tasks that need no process of their own to run. `contract.ts` says what a task is and what it may
 * touch; `scripts/` run programs, `files/` copies, `artifacts/` publishes and downloads,
 * `key-vault/` reads secrets. Each task is a value; the agent prints its header, checks its inputs
 * and passes its output through the masker. `checkout` is the agent's own.
 */
import { downloadPipelineArtifact } from './artifacts/download-pipeline-artifact.ts'
import { publishBuildArtifacts } from './artifacts/publish-build-artifacts.ts'
import { publishPipelineArtifact } from './artifacts/publish-pipeline-artifact.ts'
import type { Task } from './contract.ts'
import { copyFiles } from './files/copy-files.ts'
import { azureKeyVaultV1, azureKeyVaultV2 } from './key-vault/azure-key-vault.ts'
import { bash } from './scripts/bash.ts'
import { cmdLine } from './scripts/cmd-line.ts'
import { powerShell } from './scripts/power-shell.ts'

export * from './contract.ts'

/** Every built-in task, one entry for each major version. */
export const builtInTasks: readonly Task[] = [
  cmdLine,
  bash,
  powerShell,
  azureKeyVaultV1(),
  azureKeyVaultV2(),
  copyFiles,
  publishBuildArtifacts,
  publishPipelineArtifact,
  downloadPipelineArtifact,
]

/** A task by its name or GUID, without case, and its major version; undefined when not built in. */
export function findTask(nameOrGuid: string, majorVersion: number): Task | undefined {
  const wanted = nameOrGuid.toLowerCase()
  return builtInTasks.find(
    ({ id, name, version }) =>
      (id === wanted || name.toLowerCase() === wanted) && version.startsWith(`${majorVersion}.`),
  )
}
