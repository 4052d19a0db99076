import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Writable } from 'node:stream'
import { Fault } from '../../base/fault.ts'
import type { Sealed } from '../../base/sealed.ts'
import type { Realism, TokenChoice } from '../../server/index.ts'
import { toNumber } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { ExitCode } from '../exit-code.ts'
import {
  describeHsmKeys,
  keptToken,
  type TokenOptions,
  tokenHelp,
  toTokenChoice,
  toTokenFlags,
} from '../hsm-token.ts'
import { findRunningServer, type RunningServer } from '../running-server.ts'
import { hasPassphrase, secretsOf } from '../secrets.ts'
import type { Terminal } from '../terminal.ts'
import { type ContainerWords, hsmWords, listContainers, vaultWords } from './containers.ts'

/** How long `up --detach` waits for the server it started. */
const START_LIMIT_MS = 20_000
const STOP_LIMIT_MS = 15_000

export const serverCommands = [
  command(
    'up [--port <n>] [--proxy-port <n>] [--agents <n>] [--database <url>] [--realistic] [--propagation-delay <seconds>] [--pkcs11-module <path>] [--pkcs11-token <label>] [--pkcs11-pin-file <file>] [--detach|-d]',
    'Start the server of the data directory; Ctrl-C stops it.',
    up,
    {
      help: {
        port: 'The TLS listener of every service (default 8443; 0 takes a free port).',
        'proxy-port':
          'The CONNECT proxy that brings Azure host names here (default 8444; 0 takes a free port).',
        agents: 'How many jobs run at a time (default 2).',
        database:
          'The PostgreSQL that a new data directory has its tables in, for example postgres://sluice@localhost/sluice. The password comes from PGPASSWORD or ~/.pgpass.',
        realistic:
          'As in Azure: vaults are throttled, changed roles take effect after 5 minutes, changed access policies after 30 seconds.',
        'propagation-delay':
          'Seconds until changed roles and access policies take effect, at most 86400 (default 0; with --realistic as said there).',
        ...tokenHelp,
        detach: 'Start in the background and return when it is ready.',
      },
      examples: [
        'sluice up --detach',
        'sluice up --data ./estate --port 0',
        'sluice up --realistic --propagation-delay 600',
      ],
    },
  ),
  command(
    'status',
    'Show whether a server runs on the data directory.',
    async (_options, { common }) => {
      const running = findRunningServer(common.data)
      if (!running) {
        return {
          state: 'stopped',
          dataDirectory: common.data,
          hsmKeys: describeHsmKeys(common.data),
        }
      }
      return describe(running, common.data)
    },
  ),
  command(
    'down',
    'Stop the server of the data directory; running jobs are cancelled first.',
    async (_options, { common, terminal }) => {
      const running = findRunningServer(common.data)
      if (!running) {
        terminal.note(`No server runs on ${common.data}.\n`)
        return undefined
      }
      process.kill(running.pid, 'SIGTERM')
      await until(
        () => findRunningServer(common.data) === undefined,
        STOP_LIMIT_MS,
        'The server did not stop in time.',
      )
      return { state: 'stopped', dataDirectory: common.data }
    },
  ),
  command(
    'env [--shell <bash|fish|pwsh|cmd>]',
    'Print the variables that point unchanged Azure clients at the running server.',
    async ({ shell }, { common, terminal }) => {
      const { formatEnvironment } = await import('../../network/index.ts')
      const variables = await environmentOf(requireRunning(common.data), common.data)
      terminal.out(formatEnvironment(variables, toShell(shell ?? 'bash')))
      return undefined
    },
    { examples: ['eval "$(sluice env)"'] },
  ),
  command(
    'exec',
    'Run a command so that Azure host names reach the running server: sluice exec -- CMD.',
    async (_options, { common, rest }) => {
      const [program, ...args] = rest
      if (!program)
        throw new Fault(
          'UsageWrong',
          'Say what to run behind --, for example: sluice exec -- node app.js',
        )
      const variables = await environmentOf(requireRunning(common.data), common.data)
      const code = await runProgram(program, args, { ...process.env, ...variables })
      if (code !== 0) throw new ExitCode(code)
      return undefined
    },
    {
      examples: [
        'sluice exec -- node app.js',
        'sluice exec -- az keyvault secret list --vault-name kv-demo',
      ],
    },
  ),
  command(
    'hosts [--address <ip>]',
    'Print lines for a hosts file, for clients that use no proxy.',
    async ({ address }, { session, terminal }) => {
      const { hostsFileLines } = await import('../../network/index.ts')
      const { client } = await session()
      const namesOf = async (words: ContainerWords) =>
        (await listContainers(client, words)).map(({ name }) => String(name))
      const names = { vaults: await namesOf(vaultWords), hsms: await namesOf(hsmWords) }
      const lines = hostsFileLines(names, address ?? '127.0.0.1')
      terminal.out(`${lines.join('\n')}\n`)
      return undefined
    },
  ),
]

interface UpOptions extends TokenOptions {
  readonly port?: string
  readonly proxyPort?: string
  readonly agents?: string
  readonly database?: string
  readonly realistic?: boolean
  readonly propagationDelay?: string
  readonly detach?: boolean
}

const DELAY_LIMIT_SECONDS = 86_400

/** What the options ask for; undefined: a server that is quick. @throws Fault `UsageWrong` */
async function realismOf({ realistic, propagationDelay }: UpOptions): Promise<Realism | undefined> {
  const seconds = toNumber(propagationDelay, '--propagation-delay')
  if (seconds !== undefined && seconds > DELAY_LIMIT_SECONDS) {
    throw new Fault(
      'UsageWrong',
      `--propagation-delay takes at most ${DELAY_LIMIT_SECONDS} seconds, not ${seconds}.`,
    )
  }
  if (!realistic && !seconds) return undefined
  const { azureRealism } = await import('../../server/index.ts')
  return {
    throttling: realistic === true,
    roleDelaySeconds: seconds ?? azureRealism.roleDelaySeconds,
    policyDelaySeconds: seconds ?? azureRealism.policyDelaySeconds,
  }
}

async function up(options: UpOptions, { common, terminal }: CommandContext): Promise<unknown> {
  const running = findRunningServer(common.data)
  if (running) {
    throw new Fault(
      'AlreadyRunning',
      `A server already runs on ${common.data} (process ${running.pid}, port ${running.port}). Stop it with: sluice down`,
    )
  }
  const { database } = options
  if (database !== undefined) (await import('../../server/index.ts')).checkDatabaseAddress(database)
  const token = toTokenChoice(options)
  const realism = await realismOf(options)
  if (options.detach) return detach({ ...options, token }, common.data, terminal)
  const { describeRealism, startServer } = await import('../../server/index.ts')
  const server = await startServer({
    dataDirectory: common.data,
    port: toNumber(options.port, '--port') ?? 8443,
    proxyPort: toNumber(options.proxyPort, '--proxy-port') ?? 8444,
    agents: toNumber(options.agents, '--agents') ?? 2,
    announce: true,
    ...(database !== undefined && { database }),
    secrets: await secretsOf(terminal),
    ...(token && { token }),
    ...(realism && { realism }),
  })
  // Who reads that it is ready may stop it at once.
  const asked = stopAsked()
  terminal.note(
    `Ready on https://localhost:${server.port}, proxy http://127.0.0.1:${server.proxyPort}, data ${common.data}. Ctrl-C stops it.\n`,
  )
  if (realism) terminal.note(`As slow as Azure: ${describeRealism(realism)}.\n`)
  terminal.note('Next: eval "$(sluice env)", or put "sluice exec --" before a command.\n')
  await asked
  terminal.note('Stopping.\n')
  await server.close()
  return undefined
}

function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve())
  })
}

/** Starts `sluice up` in the background; its words go to `server.log` in the data directory. */
async function detach(
  options: UpOptions & { readonly token: TokenChoice | undefined },
  data: string,
  terminal: Terminal,
): Promise<unknown> {
  const handed = await secretsFor(data, options.token, terminal)
  mkdirSync(data, { recursive: true, mode: 0o700 })
  const log = path.join(data, 'server.log')
  const output = openSync(log, 'a', 0o600)
  const flags = [
    '--port',
    options.port,
    '--proxy-port',
    options.proxyPort,
    '--agents',
    options.agents,
    '--propagation-delay',
    options.propagationDelay,
    '--database',
    options.database,
  ]
  const given = flags.flatMap((word, i) =>
    i % 2 === 0 && flags[i + 1] !== undefined ? [String(word), String(flags[i + 1])] : [],
  )
  const realistic = options.realistic ? ['--realistic'] : []
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv,
      process.argv[1] ?? '',
      'up',
      '--data',
      data,
      ...given,
      ...realistic,
      ...toTokenFlags(options.token),
    ],
    {
      detached: true,
      stdio: ['ignore', output, output, ...handed.map(() => 'pipe' as const)],
      env: {
        ...process.env,
        ...Object.fromEntries(handed.map(({ name }, i) => [name, `${3 + i}`])),
      },
    },
  )
  for (const [i, { secret }] of handed.entries()) {
    const pipe = child.stdio[3 + i] as Writable
    // The other end may stay open as long as the server lives; this command does not wait for it.
    pipe.on('error', () => undefined).end(secret.open(), () => pipe.destroy())
  }
  let exited: number | undefined
  child.once('exit', (code) => {
    exited = code ?? 1
  })
  await until(
    () => exited !== undefined || findRunningServer(data) !== undefined,
    START_LIMIT_MS,
    `The server is not ready yet. Look into ${log}`,
  )
  if (exited !== undefined) {
    const last = readFileSync(log, 'utf8').trimEnd().split('\n').at(-1) ?? ''
    throw new Fault('StartFailed', last.replace(/^ERROR: /, ''))
  }
  child.unref()
  return describe(requireRunning(data), data)
}

/** What the background process has to be given: it has no terminal, and no descriptor of ours. */
async function secretsFor(
  data: string,
  token: TokenChoice | undefined,
  terminal: Terminal,
): Promise<{ readonly name: string; readonly secret: Sealed }[]> {
  const handed = []
  if (process.env['SLUICE_PASSPHRASE_FILE'] === undefined && hasPassphrase(data)) {
    const secret = await (await secretsOf(terminal)).passphrase('open')
    handed.push({ name: 'SLUICE_PASSPHRASE_FD', secret })
  }
  const used = token ?? keptToken(data)
  if (used && (used.pinFile ?? process.env['SLUICE_PKCS11_PIN_FILE']) === undefined) {
    const secret = await (await secretsOf(terminal)).tokenPin(undefined)
    handed.push({ name: 'SLUICE_PKCS11_PIN_FD', secret })
  }
  return handed
}

async function describe(running: RunningServer, data: string): Promise<object> {
  const { realism } = running
  const realistic = realism && (await import('../../server/index.ts')).describeRealism(realism)
  return {
    state: 'running',
    url: `https://localhost:${running.port}`,
    proxy: `http://127.0.0.1:${running.proxyPort}`,
    pid: running.pid,
    startedAt: new Date(running.startedAtMs).toISOString(),
    version: running.version,
    dataDirectory: data,
    hsmKeys: describeHsmKeys(data),
    ...(realistic && { realistic }),
  }
}

function requireRunning(data: string): RunningServer {
  const running = findRunningServer(data)
  if (running) return running
  throw new Fault('NotRunning', `No server runs on ${data}. Start one with: sluice up --detach`)
}

async function environmentOf(
  running: RunningServer,
  data: string,
): Promise<Readonly<Record<string, string>>> {
  const { clientEnvironment, writeBundle, writeTrustStore } = await import('../../network/index.ts')
  const caFile = path.join(data, 'ca', 'ca.pem')
  const bundleFile = writeBundle(data, readFileSync(caFile, 'utf8'))
  return clientEnvironment({
    proxyPort: running.proxyPort,
    caFile,
    bundleFile,
    trustStoreFile: writeTrustStore(bundleFile),
    inherited: process.env,
  })
}

function toShell(word: string): 'bash' | 'fish' | 'pwsh' | 'cmd' {
  if (word === 'bash' || word === 'fish' || word === 'pwsh' || word === 'cmd') return word
  throw new Fault('UsageWrong', `--shell '${word}' is not known. Choose bash, fish, pwsh or cmd.`)
}

function runProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', env })
    const ignore = () => undefined
    process.on('SIGINT', ignore)
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(new Fault('ProgramMissing', `${program} cannot be started (${error.code}).`))
    })
    child.once('close', (code, signal) => {
      process.off('SIGINT', ignore)
      resolve(code ?? (signal === 'SIGINT' ? 130 : 143))
    })
  })
}

async function until(holds: () => boolean, limitMs: number, late: string): Promise<void> {
  const deadlineMs = Date.now() + limitMs
  while (!holds()) {
    if (Date.now() > deadlineMs) throw new Fault('TooLate', late)
    await new Promise((resolve) => setTimeout(resolve, 25))
  }
}
