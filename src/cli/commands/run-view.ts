import type { RunEvent, RunRecord } from '../../server/index.ts'
import type { Terminal } from '../terminal.ts'

/** Shows a run while it goes on. All text has passed the masker. */
export interface RunView {
  show(event: RunEvent): void
  end(result: string): void
}

/** What is known of the run's records, merged from the events. */
class Records {
  readonly #byId = new Map<string, RunRecord>()

  merge(records: readonly RunRecord[]): void {
    for (const record of records) {
      this.#byId.set(record.id, { ...this.#byId.get(record.id), ...record })
    }
  }

  get(id: string): RunRecord | undefined {
    return this.#byId.get(id)
  }

  all(type: RunRecord['type']): RunRecord[] {
    return [...this.#byId.values()].filter((record) => record.type === type)
  }

  children(parentId: string): RunRecord[] {
    return [...this.#byId.values()]
      .filter((record) => record.parentId === parentId)
      .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
  }

  /** What stands in front of a line when several jobs speak: the name of its job. */
  prefixOf(recordId: string): string {
    return this.all('Job').length > 1 ? `[${this.jobOf(recordId)?.name ?? '…'}] ` : ''
  }

  /** The job a step belongs to. */
  jobOf(recordId: string): RunRecord | undefined {
    let record = this.#byId.get(recordId)
    while (record && record.type !== 'Job')
      record = record.parentId ? this.#byId.get(record.parentId) : undefined
    return record
  }
}

type Feed = Extract<RunEvent, { kind: 'feed' }>

/** Lines as they come; with several jobs each line begins with its job's name. */
export function plainView(terminal: Terminal): RunView {
  const records = new Records()
  let held: Feed[] = []
  const print = ({ recordId, lines }: Feed): void => {
    const prefix = records.prefixOf(recordId)
    for (const line of lines) terminal.out(`${prefix}${line}\n`)
  }
  return {
    show: (event) => {
      if (event.kind === 'records') records.merge(event.records)
      if (event.kind === 'feed') held.push(event)
      // Lines may come before the record that tells whose they are.
      const known = (feed: Feed) => records.jobOf(feed.recordId) !== undefined
      held.filter(known).forEach(print)
      held = held.filter((feed) => !known(feed))
    },
    end: (result) => {
      held.forEach(print)
      terminal.out(`${summary(records, result)}\n`)
    },
  }
}

const REDRAW_MS = 80
const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** The log scrolls; below it stands the tree of the jobs that are not over. */
export function liveView(terminal: Terminal): RunView {
  const records = new Records()
  let drawn = 0
  let frame = 0
  let pending: string[] = []
  const redraw = (): void => {
    const erase = drawn > 0 ? `\u001b[${drawn}A\u001b[J` : ''
    const lines = drawTree(records, frame, terminal)
    terminal.out(
      `${erase}${pending.map((line) => `${line}\n`).join('')}${lines.map((line) => `${line}\n`).join('')}`,
    )
    pending = []
    drawn = lines.length
    frame += 1
  }
  const timer = setInterval(redraw, REDRAW_MS)
  return {
    show: (event) => {
      if (event.kind === 'records') records.merge(event.records)
      if (event.kind !== 'feed') return
      const prefix = records.prefixOf(event.recordId)
      pending.push(...event.lines.map((line) => prefix + color(line, terminal.color)))
    },
    end: (result) => {
      clearInterval(timer)
      const erase = drawn > 0 ? `\u001b[${drawn}A\u001b[J` : ''
      const tree = records.all('Job').flatMap((job) => drawJob(records, job, 0, terminal))
      const lines = [...pending, '', ...tree, summary(records, result)]
      terminal.out(`${erase}${lines.map((line) => `${line}\n`).join('')}`)
    },
  }
}

function drawTree(records: Records, frame: number, terminal: Terminal): string[] {
  const open = records.all('Job').filter((job) => job.state !== 'completed')
  const lines = open.flatMap((job) => drawJob(records, job, frame, terminal))
  const rows = Math.max(4, (process.stdout.rows || 24) - 4)
  return lines.length <= rows
    ? lines
    : [...lines.slice(0, rows - 1), `  … ${lines.length - rows + 1} more`]
}

function drawJob(records: Records, job: RunRecord, frame: number, terminal: Terminal): string[] {
  const steps = records.children(job.id).filter((step) => step.type === 'Task')
  return [
    cut(`${glyph(job, frame)} ${job.name}${elapsed(job)}`, terminal),
    ...steps.map((step) => cut(`  ${glyph(step, frame)} ${step.name}${elapsed(step)}`, terminal)),
  ]
}

function cut(text: string, { columns }: Terminal): string {
  return text.length < columns ? text : `${text.slice(0, Math.max(1, columns - 2))}…`
}

function glyph(record: RunRecord, frame: number): string {
  if (record.state === 'pending') return '○'
  if (record.state === 'inProgress') return SPINNER[frame % SPINNER.length] ?? '*'
  switch (record.result) {
    case 'Succeeded':
      return '✓'
    case 'SucceededWithIssues':
      return '!'
    case 'Skipped':
      return '–'
    case 'Canceled':
      return '■'
    default:
      return '✗'
  }
}

function elapsed({ startedAtMs, finishedAtMs, state }: RunRecord): string {
  if (startedAtMs === undefined || state === 'pending') return ''
  const ms = (finishedAtMs ?? Date.now()) - startedAtMs
  return ms < 100 ? '' : `  ${(ms / 1000).toFixed(1)} s`
}

/** The service's own colours for its prefixes. */
const PREFIX_COLORS: Readonly<Record<string, number>> = {
  section: 32,
  command: 36,
  error: 31,
  warning: 33,
  debug: 35,
  group: 1,
}

function color(line: string, wanted: boolean): string {
  const prefix = /^##\[(\w+)\]/.exec(line)?.[1]
  const code = prefix === undefined ? undefined : PREFIX_COLORS[prefix]
  return wanted && code !== undefined ? `\u001b[${code}m${line}\u001b[0m` : line
}

function summary(records: Records, result: string): string {
  const issues = records
    .all('Task')
    .flatMap((step) => (step.issues ?? []).map((issue) => ({ step, issue })))
  const lines = issues
    .filter(({ issue }) => issue.type === 'error' && issue.message !== '')
    .map(({ step, issue }) => `${step.name}: ${issue.message}`)
  return [
    ...lines,
    `Run ${result === 'SucceededWithIssues' ? 'succeeded with issues' : result.toLowerCase()}.`,
  ].join('\n')
}
