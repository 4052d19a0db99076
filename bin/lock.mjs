// Completes package-lock.json. A mirror that holds only its own platform's packages makes npm leave
// the other platforms' optional packages out of the lock, and then `npm ci` refuses it everywhere.

import fs from 'node:fs'

const SYSTEMS = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
]
const PROCESSORS = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
]

/** The optional packages that some package of the lock names and the lock does not describe. */
function missingEntries(packages) {
  return Object.entries(packages).flatMap(([place, { optionalDependencies = {}, dev }]) =>
    Object.entries(optionalDependencies)
      .filter(([name]) => !isDescribed(packages, place, name))
      .map(([name, version]) => [`node_modules/${name}`, describe(name, version, dev)]),
  )
}

/** Looks where Node would: below the package itself, then outwards. */
function isDescribed(packages, place, name) {
  for (let at = place; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/node_modules/')))) {
    if (packages[`${at ? `${at}/` : ''}node_modules/${name}`] !== undefined) return true
    if (at === '') return false
  }
}

/** What npm needs to know to leave the package alone where it does not fit, read from its name. */
function describe(name, version, dev) {
  const words = name.split('/').at(-1).split('-')
  const entry = { version }
  const cpu = words.find((word) => PROCESSORS.includes(word))
  const system = words.find((word) => SYSTEMS.includes(word))
  const libc = { gnu: 'glibc', gnueabihf: 'glibc', musl: 'musl', musleabihf: 'musl' }[words.at(-1)]
  if (cpu) entry.cpu = [cpu]
  if (dev) entry.dev = true
  if (libc) entry.libc = [libc]
  entry.optional = true
  if (system) entry.os = [system]
  return entry
}

/** Writes what is missing, unless `onlyCheck`; gives back the names that were missing. */
export function completeLock(file, onlyCheck) {
  const lock = JSON.parse(fs.readFileSync(file, 'utf8'))
  const missing = Object.fromEntries(missingEntries(lock.packages))
  const names = Object.keys(missing)
  if (names.length === 0 || onlyCheck) return names
  const all = Object.entries({ ...lock.packages, ...missing })
  lock.packages = Object.fromEntries(all.sort(([a], [b]) => a.localeCompare(b, 'en')))
  fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
  return names
}
