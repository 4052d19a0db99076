import type { Operation } from '../../http/operation.ts'
import { connectionOperations } from '../connections/connection-operations.ts'
import { groupOperations } from '../library/group-operations.ts'
import { locationOperations } from '../organisation/location-operations.ts'
import { permissionOperations } from '../permissions/permission-operations.ts'
import { pipelineOperations } from '../pipelines/pipeline-operations.ts'
import { buildOperations } from '../runs/build-operations.ts'
import { resultOperations } from '../runs/result-operations.ts'
import { runOperations } from '../runs/run-operations.ts'
import type { DevopsContext } from './context.ts'

/** Every operation of the room. */
export const allOperations: readonly Operation<DevopsContext>[] = [
  ...locationOperations,
  ...groupOperations,
  ...connectionOperations,
  ...permissionOperations,
  ...pipelineOperations,
  ...buildOperations,
  ...runOperations,
  ...resultOperations,
]
