import type { Issue, TaskResult, TimelineRecord } from '../../protocol/index.ts'
import type { JobRun } from '../job-run.ts'
import { type Command, type OutputPipe, openStepOutput, type StepOutput } from '../output/index.ts'

const MAX_STORED_ISSUES = 10

export interface ReportedStep {
  readonly id: string
  readonly name: string
  readonly refName?: string
  /** Position among the job's records, counted from 1. */
  readonly order: number
}

/** What a step tells the world: its timeline record, its issues and its log. */
export class StepReport {
  readonly #run: JobRun
  readonly #step: ReportedStep
  readonly #issues: Issue[] = []
  #name: string
  #errorCount = 0
  #warningCount = 0
  #state: TimelineRecord['state'] = 'pending'
  #output: StepOutput | undefined

  /** Shows the step as pending. */
  constructor(run: JobRun, step: ReportedStep) {
    this.#run = run
    this.#step = step
    this.#name = run.masker.mask(step.name)
    this.#update({})
  }

  get id(): string {
    return this.#step.id
  }

  get name(): string {
    return this.#name
  }

  /** Opens the log and shows the step as running. `onCommand` gets the commands it prints. */
  async start(name: string, onCommand: (command: Command, line: string) => void): Promise<void> {
    const { masker, settings, variables, logs } = this.#run
    this.#name = masker.mask(name)
    await logs.held
    this.#state = 'inProgress'
    const log = logs.open((logId) => this.#update({ logId }))
    this.#output = openStepOutput({
      masker,
      clock: settings.clock,
      decodePercents: variables.text('DECODE_PERCENTS')?.trim().toLowerCase() !== 'false',
      onCommand,
      onMalformed: (line) =>
        this.warning(
          `'${line}' contains logging command keyword '##vso', but it's not a legal command. Please see the list of accepted commands: https://go.microsoft.com/fwlink/?LinkId=817296`,
        ),
      log: (lines, startLine) => log.append(lines, startLine),
      feed: (lines, startLine) => this.#feed(lines, startLine),
    })
    this.#update({ startedAtMs: settings.clock.nowMs() })
    this.write(`##[section]Starting: ${name}`)
  }

  /** A masked line of the log; it is never read as a command. */
  write(text: string): void {
    this.#output?.writeLine(text)
  }

  /** A line of a built-in task; it may be a command. */
  writeTaskLine(text: string): void {
    this.#output?.writeLine(text, { hasCommands: true })
  }

  /** A line of the task's header, which the service does not mask. */
  writeHeader(text: string): void {
    this.#output?.writeLine(text, { isHeader: true })
  }

  /** Shown only when the job has System.Debug. */
  debug(text: string): void {
    if (this.#run.variables.isTrue('System.Debug')) this.write(prefixLines('##[debug]', text))
  }

  error(message: string, data: Readonly<Record<string, string>> = {}): void {
    this.issue({ type: 'error', message, data })
  }

  warning(message: string, data: Readonly<Record<string, string>> = {}): void {
    this.issue({ type: 'warning', message, data })
  }

  /** Counts an issue, keeps the first ten of its type, and shows it when it has a text. */
  issue({ type, message, data }: Issue): void {
    const { masker } = this.#run
    if (type === 'error') this.#errorCount += 1
    else this.#warningCount += 1
    if (this.#issues.filter((issue) => issue.type === type).length < MAX_STORED_ISSUES) {
      const masked = Object.entries(data).map(([key, value]) => [
        masker.mask(key),
        masker.mask(value),
      ])
      this.#issues.push({
        type,
        message: masker.mask(message),
        data: Object.fromEntries(masked) as Record<string, string>,
      })
    }
    if (message) this.write(`##[${type}]${sourcePrefix(type, data)}${message}`)
    this.#update({
      errorCount: this.#errorCount,
      warningCount: this.#warningCount,
      issues: [...this.#issues],
    })
  }

  /** `percent` from 0 to 100. */
  progress(percent: number, operation: string): void {
    this.#update({ percentComplete: percent })
    if (operation) this.operation(operation)
  }

  /** What the step does now, or why it ended so; masked. */
  operation(text: string): void {
    this.#update({ currentOperation: this.#run.masker.mask(text) })
  }

  /** One more stream of bytes for the log, with lines of its own. */
  openPipe(): OutputPipe {
    if (!this.#output) throw new Error('A step writes only while it runs.')
    const pipe = this.#output.openPipe()
    return {
      // A process that was given up may still write when its step is over.
      write: (chunk) => this.#output && pipe.write(chunk),
      end: () => this.#output && pipe.end(),
    }
  }

  /** A promise while the server is behind with this log. */
  get held(): Promise<void> | undefined {
    return this.#run.logs.held
  }

  /** Ends the log and shows the result; lines may still be on their way. */
  async finish(result: TaskResult): Promise<void> {
    this.write(`##[section]Finishing: ${this.#name}`)
    const output = this.#output
    this.#output = undefined
    await output?.end()
    this.#end({ result, percentComplete: 100 })
  }

  /** Ends a step that never ran; it has no log. */
  skip(reason: string): void {
    this.#end({
      result: 'Skipped',
      currentOperation: this.#run.masker.mask(reason),
      startedAtMs: this.#run.settings.clock.nowMs(),
    })
  }

  #end(change: Partial<TimelineRecord>): void {
    this.#state = 'completed'
    this.#update({ ...change, finishedAtMs: this.#run.settings.clock.nowMs() })
  }

  /** People who watch may miss lines; the log may not. */
  #feed(lines: readonly string[], startLine: number): void {
    const { api, lease } = this.#run
    try {
      api.feed(lease, this.id, startLine, lines)
    } catch {
      // The log has them.
    }
  }

  #update(change: Partial<TimelineRecord>): void {
    const { refName, order, id } = this.#step
    this.#run.records.update({
      id,
      parentId: this.#run.job.jobId,
      type: 'Task',
      name: this.#name,
      ...(refName !== undefined && { refName }),
      order,
      state: this.#state,
      ...change,
    })
  }
}

function prefixLines(prefix: string, text: string): string {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => prefix + line)
    .join('\n')
}

/** `Program.cs(7,40): Error CS1002: ` in front of the message of an issue with a place. */
function sourcePrefix(type: Issue['type'], data: Readonly<Record<string, string>>): string {
  const { sourcepath, linenumber, columnnumber, code } = data
  if (!sourcepath) return ''
  const place = [linenumber, columnnumber].filter(Boolean).join(',')
  const kind = type === 'error' ? 'Error' : 'Warning'
  return `${sourcepath}${place && `(${place})`}: ${[kind, code].filter(Boolean).join(' ')}: `
}
