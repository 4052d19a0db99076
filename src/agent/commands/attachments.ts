import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import type { RunningStep } from '../steps/step-attempt.ts'

/** An attachment is masked in memory; artifacts are for more. */
const MAX_ATTACHMENT_BYTES = 104_857_600

/** Queues a file of the machine as an attachment of the step's record; its text is masked. */
export function queueAttachment(
  running: RunningStep,
  type: string,
  file: string,
  name = path.basename(file),
): void {
  const { run, report, late } = running
  const full = path.resolve(
    run.variables.text('System.DefaultWorkingDirectory') ?? run.sources,
    file,
  )
  late.push(async () => {
    const found = await stat(full).catch(() => undefined)
    if (!found?.isFile()) {
      throw new Fault(
        'AttachmentMissing',
        `Cannot upload task attachment file, attachment file location is not specified or attachment file not exist on disk: ${full}`,
      )
    }
    if (found.size > MAX_ATTACHMENT_BYTES) {
      throw new Fault(
        'AttachmentTooLarge',
        `The attachment ${full} has ${found.size} bytes; at most ${MAX_ATTACHMENT_BYTES} are taken. Publish it as an artifact.`,
      )
    }
    const content = run.masker.maskBytes(await readFile(full))
    const { masker } = run
    await run.api.addAttachment(run.lease, report.id, masker.mask(type), masker.mask(name), content)
  })
}
