import { Fault } from '../../base/fault.ts'
import { newGuid } from '../../base/ids.ts'
import { Sealed } from '../../base/sealed.ts'
import type { Command } from '../output/index.ts'
import type { RunningStep } from '../steps/step-attempt.ts'
import { mergeResults, toTaskResult } from '../steps/task-results.ts'
import { queueAttachment } from './attachments.ts'
import { type CommandArea, isFlag, requireData, requireProperty } from './command-row.ts'
import { setVariable } from './set-variable.ts'

const MULTI_LINE_SWITCH = 'SYSTEM_UNSAFEALLOWMULTILINESECRET'

/** The commands `##vso[task.…]` (facts §4.16). */
export const taskCommands: CommandArea = {
  setvariable: { allowedWhenRestricted: true, act: setVariableCommand },
  setsecret: {
    allowedWhenRestricted: true,
    act: ({ run }, { data }) => run.masker.add(data, 'secret'),
  },
  logissue: { allowedWhenRestricted: true, act: logIssue },
  issue: { allowedWhenRestricted: true, act: logIssue },
  complete: { allowedWhenRestricted: true, act: complete },
  setprogress: { allowedWhenRestricted: true, act: setProgress },
  logdetail: { allowedWhenRestricted: true, act: logDetail },
  debug: { allowedWhenRestricted: true, act: ({ report }, { data }) => report.debug(data) },
  settaskvariable: { allowedWhenRestricted: true, act: setTaskVariable },
  prependpath: {
    allowedWhenRestricted: true,
    act: ({ run }, command) => {
      const folder = requireData(command, 'a folder')
      const rest = run.pathPrefixes.filter((known) => known !== folder)
      run.pathPrefixes.splice(0, run.pathPrefixes.length, folder, ...rest)
    },
  },
  setendpoint: { act: setEndpoint },
  uploadsummary: {
    act: (running, command) =>
      queueAttachment(running, 'Distributedtask.Core.Summary', requireData(command, 'a file')),
  },
  uploadfile: {
    act: (running, command) =>
      queueAttachment(
        running,
        'DistributedTask.Core.FileAttachment',
        requireData(command, 'a file'),
      ),
  },
  addattachment: {
    act: (running, command) =>
      queueAttachment(
        running,
        requireProperty(command, 'type'),
        requireData(command, 'a file'),
        requireProperty(command, 'name'),
      ),
  },
}

function setVariableCommand(running: RunningStep, command: Command): void {
  const { run } = running
  const isSecret = isFlag(command, 'issecret')
  // The refusals below repeat the line, so the value is hidden first.
  if (isSecret) run.masker.add(command.data, 'variable')
  const name = requireProperty(command, 'variable')
  const allowed = run.variables.isTrue(MULTI_LINE_SWITCH) || inheritsSwitch(running)
  if (isSecret && command.data.includes('\n') && !allowed) {
    throw new Fault('SecretWrong', 'Secrets cannot contain multiple lines')
  }
  setVariable(running, name, isSecret ? new Sealed(command.data) : command.data, {
    isSecret,
    isOutput: isFlag(command, 'isoutput'),
    isReadOnly: isFlag(command, 'isreadonly'),
    ...(isFlag(command, 'preservecase') && { preserveCase: true }),
  })
}

function inheritsSwitch({ run }: RunningStep): boolean {
  return run.settings.environment[MULTI_LINE_SWITCH]?.toLowerCase() === 'true'
}

function logIssue({ report }: RunningStep, command: Command): void {
  const type = requireProperty(command, 'type').toLowerCase()
  if (type !== 'error' && type !== 'warning') {
    throw new Fault('CommandWrong', `An issue is an error or a warning, not '${type}'.`)
  }
  const data = Object.fromEntries(command.properties) as Record<string, string>
  report.issue({ type, message: command.data, data })
}

function complete(running: RunningStep, command: Command): void {
  const word = requireProperty(command, 'result')
  const result = toTaskResult(word)
  if (result === undefined || result === 'Abandoned') {
    throw new Fault(
      'CommandWrong',
      `'${word}' is no result. Use Succeeded, SucceededWithIssues, Failed, Canceled or Skipped.`,
    )
  }
  running.commandResult = mergeResults(running.commandResult, result)
  if (command.data) running.report.operation(command.data)
  if (isFlag(command, 'done')) running.complete()
}

function setProgress({ report }: RunningStep, command: Command): void {
  const percent = Number(command.properties.get('value') ?? Number.NaN)
  if (!Number.isInteger(percent) || percent < 0 || percent > 100) {
    throw new Fault('CommandWrong', 'Progress needs a value from 0 to 100.')
  }
  report.progress(percent, command.data)
}

function setTaskVariable({ run, step }: RunningStep, command: Command): void {
  const name = requireProperty(command, 'variable')
  if (isFlag(command, 'issecret')) {
    // A program gets no secret it did not ask for, so a secret one is only hidden.
    run.masker.add(command.data, 'variable')
    return
  }
  const own = run.taskVariables.get(step.id) ?? new Map<string, string>()
  run.taskVariables.set(step.id, own.set(name, command.data))
}

function setEndpoint({ run }: RunningStep, command: Command): void {
  const field = requireProperty(command, 'field')
  const key = field === 'url' ? '' : requireProperty(command, 'key')
  if (field !== 'url' && field !== 'authParameter' && field !== 'dataParameter') {
    throw new Fault(
      'CommandWrong',
      `'${field}' is no field. Use url, authParameter, dataParameter.`,
    )
  }
  run.connections.change(requireProperty(command, 'id'), field, key, command.data)
}

const RECORD_STATES = new Map<string, 'pending' | 'inProgress' | 'completed'>([
  ['unknown', 'pending'],
  ['initialized', 'pending'],
  ['inprogress', 'inProgress'],
  ['completed', 'completed'],
])

function logDetail({ run, report }: RunningStep, { properties, data }: Command): void {
  const id = (properties.get('id') ?? newGuid()).toLowerCase()
  if (id === run.job.jobId || run.job.steps.some((step) => step.id === id)) {
    throw new Fault('CommandWrong', 'A detail needs an id of its own, not one of a step.')
  }
  const name = properties.get('name') ?? run.details.get(id) ?? data
  run.details.set(id, name)
  const state = RECORD_STATES.get(properties.get('state')?.toLowerCase() ?? 'inprogress')
  const result = toTaskResult(properties.get('result') ?? '')
  const order = Number(properties.get('order'))
  const percent = Number(properties.get('progress'))
  run.records.update({
    id,
    parentId: properties.get('parentid') ?? report.id,
    type: 'Task',
    name: run.masker.mask(name),
    state: state ?? 'inProgress',
    ...(result && { result }),
    ...(order > 0 && { order }),
    ...(percent >= 0 && { percentComplete: percent }),
    ...timesOf(properties),
    ...(data && { currentOperation: run.masker.mask(data) }),
  })
}

function timesOf(properties: ReadonlyMap<string, string>): {
  startedAtMs?: number
  finishedAtMs?: number
} {
  const started = Date.parse(properties.get('starttime') ?? '')
  const finished = Date.parse(properties.get('finishtime') ?? '')
  return {
    ...(!Number.isNaN(started) && { startedAtMs: started }),
    ...(!Number.isNaN(finished) && { finishedAtMs: finished }),
  }
}
