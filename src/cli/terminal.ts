import { Sealed } from '../base/sealed.ts'

/** Where a command reads and writes; results go to stdout, everything else to stderr. */
export interface Terminal {
  readonly isInteractive: boolean
  /** False when stdin is a keyboard, from which no value is read. */
  readonly hasStdin: boolean
  readonly color: boolean
  readonly columns: number
  out(text: string): void
  note(text: string): void
  /** Everything on stdin, as it is. */
  readStdin(): Promise<Sealed>
  /** True when a person is there to be asked. */
  readonly canAsk: boolean
  /** Asks for a line and shows nothing of it; with `twice` the answer is asked again and compared. */
  askSecret(question: string, twice: boolean): Promise<Sealed>
  /** Asks a yes-or-no question; false when nobody can answer. */
  confirm(question: string): Promise<boolean>
}

export function processTerminal(): Terminal {
  // Standard input is opened by those who read it: opening it takes longer than a small command.
  const { stdout, stderr, env } = process
  return {
    isInteractive: stdout.isTTY === true,
    get hasStdin() {
      return process.stdin.isTTY !== true
    },
    color: stdout.isTTY === true && env['NO_COLOR'] === undefined && env['TERM'] !== 'dumb',
    // A terminal that was never told its size says 0.
    columns: stdout.columns || 120,
    out: (text) => stdout.write(text),
    note: (text) => stderr.write(text),
    readStdin: async () => {
      const { text } = await import('node:stream/consumers')
      return new Sealed(await text(process.stdin))
    },
    get canAsk() {
      return process.stdin.isTTY === true
    },
    askSecret: async (question, twice) => {
      const { askSecret } = await import('./ask-secret.ts')
      return askSecret(process.stdin, (text) => stderr.write(text), question, twice)
    },
    confirm: async (question) => {
      const { stdin } = process
      if (stdin.isTTY !== true) return false
      const { createInterface } = await import('node:readline/promises')
      const lines = createInterface({ input: stdin, output: stderr })
      try {
        return /^y(es)?$/i.test((await lines.question(`${question} (y/n): `)).trim())
      } finally {
        lines.close()
      }
    },
  }
}
