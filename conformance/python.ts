import { existsSync, renameSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { runProgram } from './harness.ts'

/**
 * The `bin` folder of a Python that has these packages, or undefined where they cannot be had.
 * The virtual environment is made once per machine and set of packages; who comes at the same
 * time makes a second one, and the first that is whole stays.
 */
export async function findPython(
  name: string,
  packages: readonly string[],
): Promise<string | undefined> {
  const versions = packages.join('-').replaceAll(/[^0-9.]+/g, '-')
  const folder = path.join(os.tmpdir(), `sluice-${name}${versions}-${os.userInfo().uid}`)
  if (existsSync(folder)) return path.join(folder, 'bin')
  const making = `${folder}-${process.pid}`
  const pip = ['-m', 'pip', 'install', '--quiet', '--retries', '1', ...packages]
  const steps: [string, string[]][] = [
    ['python3', ['-m', 'venv', making]],
    [path.join(making, 'bin/python'), pip],
  ]
  for (const [command, args] of steps) {
    const outcome = await runProgram(command, args).catch(() => undefined)
    if (outcome?.code === 0) continue
    rmSync(making, { recursive: true, force: true })
    return undefined
  }
  try {
    renameSync(making, folder)
  } catch {
    rmSync(making, { recursive: true, force: true })
  }
  return path.join(folder, 'bin')
}
