import { Fault } from '../../base/fault.ts'
import type { Command } from '../output/index.ts'
import type { RunningStep } from '../steps/step-attempt.ts'

/** What a logging command does, and whether a restricted step may use it. */
interface CommandRow {
  readonly allowedWhenRestricted?: boolean
  /** Throws a Fault to refuse; the step then fails. Long work goes to `running.late`. */
  act(running: RunningStep, command: Command): void
}

/** The commands of one area, by event in lower case. */
export type CommandArea = Readonly<Record<string, CommandRow>>

/** A property that must be there. @throws Fault `CommandWrong` */
export function requireProperty({ area, event, properties }: Command, name: string): string {
  const value = properties.get(name)
  if (value) return value
  throw new Fault(
    'CommandWrong',
    `Required field '${name}' is missing in ##vso[${area}.${event}] command.`,
  )
}

/** The data, trimmed, that must be there. @throws Fault `CommandWrong` */
export function requireData({ area, event, data }: Command, what: string): string {
  if (data.trim()) return data.trim()
  throw new Fault('CommandWrong', `##vso[${area}.${event}] needs ${what} after the bracket.`)
}

/** Strict: only `true`, in any case, is true (facts §5.7). */
export function isFlag({ properties }: Command, name: string): boolean {
  return properties.get(name)?.trim().toLowerCase() === 'true'
}
