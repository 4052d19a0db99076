import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { type Given, type Outcome, runProgram } from './harness.ts'

/**
 * A folder that is made once per machine, user and `name` (which holds the versions of what is in
 * it), or undefined where `make` could not. Who comes at the same time makes a second one, and the
 * first that is whole stays: so nothing in it may remember its path.
 */
export async function madeOnce(
  name: string,
  make: (folder: string) => Promise<boolean>,
): Promise<string | undefined> {
  const folder = path.join(os.tmpdir(), `sluice-${name}-${os.userInfo().uid}`)
  if (existsSync(folder)) return folder
  const making = `${folder}-${process.pid}`
  mkdirSync(making, { mode: 0o700 })
  const isMade = await make(making).catch(() => false)
  try {
    if (isMade) renameSync(making, folder)
  } catch {
    // Another one was faster.
  }
  rmSync(making, { recursive: true, force: true })
  return isMade ? folder : undefined
}

/** Runs a program; undefined when it is absent or fails. */
export async function tryProgram(
  program: string,
  args: readonly string[],
  given?: Given,
): Promise<Outcome | undefined> {
  const outcome = await runProgram(program, args, given).catch(() => undefined)
  return outcome?.code === 0 ? outcome : undefined
}
