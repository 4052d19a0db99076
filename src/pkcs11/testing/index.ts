import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** Where packages put SoftHSM's module. */
const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/lib/pkcs11/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
]

/** How a person gets SoftHSM. */
const COMMANDS: Partial<Record<NodeJS.Platform, string>> = {
  darwin: 'brew install softhsm',
  linux: 'apt-get install -y softhsm2   (or: dnf install softhsm)',
}

/** What tests say when they cannot run. */
export const SOFT_HSM_ABSENT = `SoftHSM2 is absent; install it with: ${COMMANDS[process.platform] ?? 'see https://www.softhsm.org'}`

/**
 * SoftHSM's module, installed with the package manager when this user may; undefined: it is absent
 * (`SOFT_HSM_ABSENT` says what to do).
 */
export function findSoftHsm(): string | undefined {
  const found = () => MODULES.find((file) => existsSync(file))
  if (found() || process.platform !== 'linux' || process.getuid?.() !== 0) return found()
  try {
    const wait = ['-o', 'DPkg::Lock::Timeout=120']
    execFileSync('apt-get', [...wait, 'install', '-y', '--no-install-recommends', 'softhsm2'], {
      stdio: 'ignore',
      timeout: 180_000,
    })
  } catch {
    return undefined
  }
  return found()
}

/** Tokens in a folder of their own. */
export interface SoftHsm {
  readonly modulePath: string
  /** For processes that use it: SoftHSM reads its settings from there once. */
  readonly env: Readonly<Record<string, string>>
  readonly tokens: string
  readonly pin: string
  makeToken(label: string): void
  remove(): void
}

/** A SoftHSM for one test file, whose process must be its own: the module is set up once in each. */
export function startSoftHsm(modulePath: string): SoftHsm {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-softhsm-'))
  const tokens = path.join(folder, 'tokens')
  const configuration = path.join(folder, 'softhsm2.conf')
  mkdirSync(tokens)
  writeFileSync(
    configuration,
    `directories.tokendir = ${tokens}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  )
  const env = { SOFTHSM2_CONF: configuration }
  const pin = '4711-test'
  const run = (...args: string[]) =>
    execFileSync('softhsm2-util', args, { env: { ...process.env, ...env }, stdio: 'ignore' })
  return {
    modulePath,
    env,
    tokens,
    pin,
    makeToken: (label) => {
      run('--init-token', '--free', '--label', label, '--pin', pin, '--so-pin', 'so-4711')
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
