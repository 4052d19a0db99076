/**
 * What a step prints, on its way from bytes to the log: lines -> commands -> masker -> log.
 * `step-output.ts` is that way; `command.ts` reads logging commands; `masker.ts` hides secrets with
 * `pattern-index.ts` (many values at once), `url-passwords.ts` (a URL's password) and
 * `mask-stream.ts` (text in pieces); `encodings.ts` and `strong-encodings.ts` spell a secret's texts.
 */
export type { Command, ParsedLine } from './command.ts'

export type { SecretOrigin } from './encodings.ts'
export type { MaskStream } from './mask-stream.ts'
export type { MaskerOptions } from './masker.ts'
export { Masker } from './masker.ts'
export type { OutputPipe, StepOutput, StepOutputOptions } from './step-output.ts'
export { openStepOutput } from './step-output.ts'
