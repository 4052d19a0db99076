/**
 * A refusal the caller can understand and act on. `code` is the room's own word for it; the room's
 * `wire-faults.ts` spells it for the wire. `message` is shown to the caller and must never carry a
 * secret; `detail` goes to the log only.
 */
export class Fault<Code extends string = string> extends Error {
  readonly code: Code
  readonly detail: string | undefined

  constructor(code: Code, message: string, detail?: string) {
    super(message)
    this.name = 'Fault'
    this.code = code
    this.detail = detail
  }
}
