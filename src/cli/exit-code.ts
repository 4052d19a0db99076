/** Ends a command with an exit code and no error of its own: what it had to say is said. */
export class ExitCode extends Error {
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.name = 'ExitCode'
    this.code = code
  }
}
