import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { ProcessSecrets } from '../server/index.ts'
import type { Terminal } from './terminal.ts'

/** Passphrases from where the environment says, else from the person at the terminal. */
export async function secretsOf(terminal: Terminal): Promise<ProcessSecrets> {
  const { processSecrets } = await import('../server/index.ts')
  return processSecrets(process.env, async (question, twice) =>
    terminal.canAsk ? terminal.askSecret(question, twice) : undefined,
  )
}

/** True when a start on this directory asks for a passphrase; what is damaged is told by the start. */
export function hasPassphrase(data: string): boolean {
  try {
    const { keys } = JSON.parse(readFileSync(path.join(data, 'root-key.json'), 'utf8')) as {
      keys: readonly { readonly provider: string }[]
    }
    return keys.some(({ provider }) => provider === 'passphrase')
  } catch {
    return false
  }
}
