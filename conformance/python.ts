import path from 'node:path'
import { madeOnce, tryProgram } from './made-once.ts'

/** The `bin` folder of a Python that has these packages, or undefined where they cannot be had. */
export async function findPython(
  name: string,
  packages: readonly string[],
): Promise<string | undefined> {
  const versions = packages.join('-').replaceAll(/[^0-9.]+/g, '-')
  const pip = ['-m', 'pip', 'install', '--quiet', '--retries', '1', ...packages]
  const folder = await madeOnce(`${name}${versions}`, async (making) => {
    if (!(await tryProgram('python3', ['-m', 'venv', making]))) return false
    return (await tryProgram(path.join(making, 'bin/python'), pip)) !== undefined
  })
  return folder && path.join(folder, 'bin')
}
