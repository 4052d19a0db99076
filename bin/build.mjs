// Builds dist/: plain JavaScript, because Node strips no types below node_modules.

import fs from 'node:fs'
import path from 'node:path'
import { BootstrapFault } from './bootstrap.mjs'

/** `new URL('./x.ts', import.meta.url)`: a file that is started, not imported; tsc leaves it. */
const STARTED_FILE = /(new URL\(\s*'\.{1,2}\/[^']+)\.ts('\s*,\s*import\.meta\.url\s*\))/g

/** `from './x.ts'` and `import('./x.ts')` in a file of types; tsc leaves these too. */
const TYPES_FILE = /((?:from |import\()'\.{1,2}\/[^']+)\.ts(')/g

/** Compiles src/ into dist/, with what else the sources read. @throws BootstrapFault */
export async function build(root, runTool) {
  const [src, dist] = [path.join(root, 'src'), path.join(root, 'dist')]
  fs.rmSync(dist, { recursive: true, force: true })
  // The second writes the types of what other programs import, which is the compiler alone.
  for (const project of ['tsconfig.build.json', 'tsconfig.compiler-types.json']) {
    const { ok, output } = await runTool('tsc', ['-p', project])
    if (ok) continue
    process.stdout.write(output)
    throw new BootstrapFault('The sources do not compile.')
  }
  const assets = listFiles(src).filter(isAsset)
  for (const asset of assets) {
    const to = path.join(dist, asset)
    fs.mkdirSync(path.dirname(to), { recursive: true })
    fs.copyFileSync(path.join(src, asset), to)
  }
  const written = listFiles(dist)
  const compiled = written.filter((file) => file.endsWith('.js'))
  for (const file of compiled) rewrite(path.join(dist, file), STARTED_FILE, '$1.js$2')
  const types = written.filter((file) => file.endsWith('.d.ts'))
  for (const file of types) rewrite(path.join(dist, file), TYPES_FILE, '$1.js$2')
  process.stdout.write(`dist/: ${compiled.length} modules, ${assets.length} other files\n`)
}

/** Files below `folder`, as paths relative to it. */
function listFiles(folder) {
  return fs
    .readdirSync(folder, { recursive: true })
    .filter((file) => fs.statSync(path.join(folder, file)).isFile())
}

/** Test material stays behind: compiler cases and `testing/` folders. */
function isAsset(file) {
  const folders = file.split(path.sep)
  const isTest = folders.includes('testing') || folders.includes('cases')
  return !isTest && !/\.(ts|snap)$/.test(file)
}

function rewrite(file, pattern, replacement) {
  const text = fs.readFileSync(file, 'utf8')
  const named = text.replaceAll(pattern, replacement)
  if (named !== text) fs.writeFileSync(file, named)
}
