import { Fault } from '../../base/fault.ts'

const WORDS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder is none',
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the disk is read-only',
}

/** What the system refuses is the operator's matter: it is said in words. Anything else stays. */
export function toFileFault(error: unknown, file: string): unknown {
  const reason = WORDS[(error as NodeJS.ErrnoException).code ?? '']
  if (error instanceof Fault || reason === undefined) return error
  return new Fault('FileNotWritable', `${file} cannot be written: ${reason}. Nothing was changed.`)
}
