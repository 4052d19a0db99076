#!/usr/bin/env node
// The command `sluice`. Finds a Node that is new enough, installs what a clone still lacks, and
// runs src/cli/main.ts (in a clone) or dist/cli/main.js (in the published package).

import module from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import {
  compileCacheFolder,
  ensureDependencies,
  findNode,
  isClone,
  root,
  runInPlace,
  start,
} from './bootstrap.mjs'

const QUIET = '--disable-warning=ExperimentalWarning'
/**
 * What a server runs with. V8 leaves its young generation at 2 MiB when little of it survives, and then
 * collects eight times as often: a sixth of a busy server's time.
 */
const SERVER = '--min-semi-space-size=16'

await start(async () => {
  const inClone = isClone()
  if (inClone) ensureDependencies()
  const node = findNode()
  const flags = process.argv[2] === 'up' ? [QUIET, SERVER] : [QUIET]
  if (node !== process.execPath) {
    runInPlace(node, [...flags, fileURLToPath(import.meta.url), ...process.argv.slice(2)])
    return
  }
  // In this process it is too late; a server in the background is a new one.
  if (flags.includes(SERVER)) process.execArgv.push(SERVER)
  hideExperimentalWarnings()
  const cache = compileCacheFolder()
  if (cache !== undefined) module.enableCompileCache(cache)
  await import(
    pathToFileURL(path.join(root, inClone ? 'src/cli/main.ts' : 'dist/cli/main.js')).href
  )
})

/** In a process that runs already, the flag can only be given to the processes it starts. */
function hideExperimentalWarnings() {
  if (process.execArgv.includes(QUIET)) return
  process.execArgv.push(QUIET)
  const emit = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const [type] = rest
    const name = typeof type === 'object' ? type?.type : type
    if (name !== 'ExperimentalWarning') emit.call(process, warning, ...rest)
  }
}
