import { CHECKOUT_TASK } from '../compiler/index.ts'
import type { TaskCatalog, TaskFacts } from '../devops/index.ts'
import { findTask } from '../tasks/index.ts'

/** Checking out is the agent's own work; every other task is in the tasks room. */
const checkout: TaskFacts = {
  id: CHECKOUT_TASK.name,
  name: 'Checkout',
  version: '1.0.0',
  connectionInputs: [],
}

/** The tasks that the agents here know, as queueing wants to see them. */
export const taskCatalog: TaskCatalog = {
  find: (reference, majorVersion) => {
    if (reference.toLowerCase() === checkout.id) return majorVersion === '1' ? checkout : undefined
    const task = findTask(reference, Number(majorVersion))
    if (!task) return undefined
    const connectionInputs = Object.entries(task.inputs).flatMap(
      ([name, { aliases, connection }]) =>
        connection ? [{ names: [name, ...(aliases ?? [])], ...connection }] : [],
    )
    return { id: task.id, name: task.name, version: task.version, connectionInputs }
  },
}
