import type { Sealed } from '../../base/sealed.ts'
import type { Task } from '../../tasks/index.ts'
import { queueAttachment } from '../commands/attachments.ts'
import { setVariable } from '../commands/set-variable.ts'
import { jobArtifacts } from './artifacts.ts'
import { stepShell } from './shell.ts'
import type { Attempt } from './step-attempt.ts'

/** What a task sees of the agent during one run. */
export function taskContext(attempt: Attempt): Parameters<Task['run']>[0] {
  const { running, inputs, signal, env } = attempt
  const { run, report, stage } = running
  return {
    stage,
    inputs,
    signal,
    shell: stepShell({ run, report, env, signal }),
    http: run.settings.http,
    artifacts: jobArtifacts(run),
    variable: (name) => run.variables.text(name),
    connection: (id) => run.connections.get(id),
    write: (line) => report.writeTaskLine(line),
    debug: (line) => report.debug(line),
    warning: (message) => report.warning(message),
    error: (message, code) => report.error(message, code === undefined ? {} : { code }),
    setVariable: (name, value, options) =>
      setVariable(running, name, value, { isOutput: options?.isOutput === true }),
    setSecret: (value: Sealed) => run.masker.add(value, 'secret'),
    uploadFile: (path) => queueAttachment(running, 'DistributedTask.Core.FileAttachment', path),
  }
}
