import { findProgram } from '../processes/find-program.ts'

/** Commands of the shell itself, which `$(…)` runs without any program. */
const SHELL_WORDS = new Set(
  'alias bg caller command compgen declare dirs echo eval export fc fg getopts hash help history jobs kill local printf pwd read set shopt test times trap type typeset ulimit umask'.split(
    ' ',
  ),
)

const VARIABLE_NAME = /^[A-Za-z_][\w.-]*$/

/**
 * Whether a macro without a variable looks forgotten. `$(date)` in a script is the shell's command
 * substitution; `$(dbPasword)` is a mistake. Commands, shell words and functions of the text itself
 * are taken for the former.
 */
export function isMissingMacro(
  name: string,
  text: string,
  environment: Readonly<Record<string, string>>,
): boolean {
  if (!VARIABLE_NAME.test(name) || SHELL_WORDS.has(name)) return false
  if (text.includes(`${name}()`) || text.includes(`function ${name}`)) return false
  return findProgram(name, environment['PATH'] ?? '', '/') === undefined
}
