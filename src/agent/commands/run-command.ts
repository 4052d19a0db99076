import { Fault } from '../../base/fault.ts'
import type { Command } from '../output/index.ts'
import type { RunningStep } from '../steps/step-attempt.ts'
import { type CommandArea, isFlag } from './command-row.ts'
import { artifactCommands, buildCommands, telemetryCommands } from './service-commands.ts'
import { taskCommands } from './task-commands.ts'

const HELP = 'Please reference documentation (http://go.microsoft.com/fwlink/?LinkId=817296)'

const AREAS: Readonly<Record<string, CommandArea>> = {
  task: taskCommands,
  artifact: artifactCommands,
  build: buildCommands,
  telemetry: telemetryCommands,
}

/** Areas the service has and we refuse, so that nothing is ignored in silence. */
const REFUSED: Readonly<Record<string, string>> = {
  codecoverage: 'Code coverage is not collected here; publish the report as an artifact.',
  results: 'Test results are not collected here; publish them as an artifact.',
  release: 'There are no classic releases here.',
  plugininternal: 'It is for the own plug-ins of the vendor’s agent.',
}

/**
 * Does what a logging command says. An unknown area is a warning; everything else that goes wrong is
 * an error of the step, which then fails.
 */
export function runCommand(running: RunningStep, command: Command, line: string): void {
  const { report, step } = running
  const rows = own(AREAS, command.area)
  const refusal = own(REFUSED, command.area)
  if (!rows && !refusal) {
    report.warning(`Can't find command extension for ##vso[${command.area}.command]. ${HELP}`)
    return
  }
  try {
    if (refusal) throw new Fault('CommandRefused', refusal)
    const row = rows && own(rows, command.event)
    if (!row) throw unknownEvent(command)
    if (step.target?.commands === 'restricted' && !row.allowedWhenRestricted) {
      report.warning(
        `##vso[${command.area}.${command.event}] is not allowed in this step due to policy restrictions.`,
      )
      return
    }
    row.act(running, command)
    report.debug(`Processed: ${shown(command, line)}`)
  } catch (error) {
    // Thrown on, a bug would leave through a pipe's event and end the whole process.
    report.error(`Unable to process command '${shown(command, line)}' successfully. ${HELP}`)
    report.error(error instanceof Error ? error.message : String(error))
    running.commandResult = 'Failed'
  }
}

/** A member of a table; a command may well be named `constructor`. */
function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/** The line for people. The masker may not know the escapes a secret was written with. */
function shown(command: Command, line: string): string {
  const carriesSecret =
    command.event === 'setsecret' || command.event === 'setendpoint' || isFlag(command, 'issecret')
  return carriesSecret ? `${line.slice(0, line.indexOf(']', line.indexOf('##vso[')) + 1)}***` : line
}

function unknownEvent({ area, event }: Command): Fault<'CommandUnknown'> {
  return new Fault(
    'CommandUnknown',
    `##vso[${area}.${event}] is not a recognized command for ${area} command extension. ${HELP}`,
  )
}
