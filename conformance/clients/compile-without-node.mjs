// Loads dist/compiler/index.js as a browser would: in a context that has the language and nothing
// else, where every import of Node is refused. Usage: node --experimental-vm-modules FILE ROOT

import fs from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import vm from 'node:vm'

const root = process.argv[2]
const context = vm.createContext({})
const modules = new Map()

function load(file) {
  const known = modules.get(file)
  if (known) return known
  const module = new vm.SourceTextModule(fs.readFileSync(file, 'utf8'), {
    identifier: file,
    context,
    importModuleDynamically: (specifier) => refuse(specifier, file),
  })
  modules.set(file, module)
  return module
}

function refuse(specifier, from) {
  throw new Error(`${path.relative(root, from)} imports ${specifier}.`)
}

function link(specifier, referencing) {
  const from = referencing.identifier
  if (specifier.startsWith('.')) return load(path.resolve(path.dirname(from), specifier))
  if (specifier.startsWith('node:') || builtinModules.includes(specifier)) refuse(specifier, from)
  return load(fileForBrowsers(specifier))
}

/** The main file of a package under the conditions of a browser's bundler. */
function fileForBrowsers(name) {
  const folder = path.join(root, 'node_modules', name)
  const { exports } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  const main = exports['.'] ?? exports
  return path.join(folder, main.browser ?? main.import ?? main.default)
}

const USE = `
import * as compiler from 'compiler'
const files = {
  'azure-pipelines.yml': "parameters: [{ name: names, type: object, default: [a, b] }]\\nsteps:\\n- $" +
    "{{ each name in parameters.names }}:\\n  - template: step.yml\\n    parameters: { name: '$" + "{{ name }}' }\\n",
  'step.yml': "parameters: [{ name: name }]\\nsteps:\\n- bash: echo $" + "{{ upper(parameters.name) }}\\n",
}
const readFile = (repository, name) => files[name]
const { plan } = compiler.compile({ file: 'azure-pipelines.yml', readFile })
const again = compiler.compile({ file: 'a', readFile: () => compiler.finalDocument(plan) })
const broken = compiler.compile({ file: 'azure-pipelines.yml', readFile: () => 'steps:\\n- scrpt: x' })
const steps = (of) => of.stages[0].jobs[0].steps.map((step) => step.inputs.script).filter(Boolean)
const schedule = { cron: '0 3 * * Monday', batch: false, always: true }
const [next] = compiler.scheduleOccurrences([schedule], { afterMs: Date.UTC(2026, 0, 1), most: 1 })
export const result = JSON.stringify({
  globals: { process: typeof process, Buffer: typeof Buffer, require: typeof require },
  scripts: steps(plan),
  errors: broken.diagnostics.map(({ place, code }) => place.file + ':' + place.line + ':' + place.column + ' ' + code),
  sameAgain: JSON.stringify(steps(again.plan)) === JSON.stringify(steps(plan)),
  fires: new Date(next.atMs).toISOString(),
})
`

const use = new vm.SourceTextModule(USE, { identifier: path.join(root, 'use.js'), context })
await use.link((specifier, referencing) =>
  specifier === 'compiler'
    ? load(path.join(root, 'dist/compiler/index.js'))
    : link(specifier, referencing),
)
await use.evaluate()
process.stdout.write(use.namespace.result)
