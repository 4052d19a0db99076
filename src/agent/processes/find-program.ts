import { accessSync, constants, statSync } from 'node:fs'
import path from 'node:path'

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** The absolute path of `program`, looked for in `searchPath` unless it has a folder; else undefined. */
export function findProgram(program: string, searchPath: string, cwd: string): string | undefined {
  const endings = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat', '.com'] : ['']
  const folders = /[\\/]/.test(program) ? [''] : searchPath.split(path.delimiter).filter(Boolean)
  for (const folder of folders) {
    for (const ending of endings) {
      const file = path.resolve(cwd, folder, program + ending)
      if (isProgram(file)) return file
    }
  }
  return undefined
}
