import type { Devops } from '../devops.ts'
import { fault } from '../faults.ts'
import { listPipelineVariables, type Pipeline } from '../pipelines/pipelines-store.ts'
import type { GivenVariable } from './variables.ts'

/** Queue-time variables may not replace settings that are not settable. @throws Fault `RunWrong` */
export async function checkOverrides(
  devops: Devops,
  pipeline: Pipeline,
  variables: readonly GivenVariable[],
): Promise<void> {
  const settings = await listPipelineVariables(devops.db.query, devops.sealer, pipeline.id)
  const fixed = new Set(
    settings.filter(({ allowOverride }) => !allowOverride).map(({ name }) => name.toLowerCase()),
  )
  const wrong = variables
    .filter(({ name }) => fixed.has(name.toLowerCase()))
    .map(({ name }) => name)
  if (wrong.length === 0) return
  throw fault(
    'RunWrong',
    `You can't set the following variables (${wrong.join(', ')}). If you want to be able to set these variables, then edit the pipeline and select Settable at queue time on the variables tab of the pipeline editor.`,
  )
}
