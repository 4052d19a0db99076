import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Fault } from '../../base/fault.ts'
import { isObject } from '../../base/json.ts'
import { Sealed } from '../../base/sealed.ts'
import { dig } from '../az-words.ts'
import { type CommandContext, command } from '../command.ts'
import { print, select, toFormat } from '../output.ts'
import { clientOf, type Session } from '../session.ts'
import type { Terminal } from '../terminal.ts'

export const demoCommands = [
  command(
    'demo [--keep]',
    'Show the whole product once: a pipeline that reads secrets from a vault, on a private server.',
    demo,
    { help: { keep: 'Keep the data directory of the demonstration.' } },
  ),
]

async function demo(
  { keep }: { readonly keep?: boolean },
  context: CommandContext,
): Promise<undefined> {
  const startedMs = performance.now()
  const home = mkdtempSync(path.join(os.tmpdir(), 'sluice-demo-'))
  const data = path.join(home, 'data')
  const { startServer } = await import('../../server/index.ts')
  const server = await startServer({ dataDirectory: data, port: 0, proxyPort: 0, agents: 1 })
  try {
    const session: Session = {
      client: clientOf(data, server.port),
      port: server.port,
      proxyPort: server.proxyPort,
      isPrivate: false,
      close: async () => {},
    }
    const show = new Walkthrough(context, session, data)
    await tell(show, home)
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
    show.say(
      `\nDone in ${seconds} s. What happened: a pipeline read three secrets of a vault through a linked variable group;`,
    )
    show.say(
      'their values were masked in the log, the artifact holds the true one, and the audit trail says who read what.',
    )
    show.say('\nTry next:\n  npm link                       # puts "sluice" on your path')
    show.say('  sluice up --detach             # a server that stays')
    show.say('  sluice run azure-pipelines.yml # your own pipeline, in its folder')
    show.say('  sluice --help')
  } finally {
    await server.close()
    if (keep) context.terminal.note(`Kept: ${home}\n`)
    else rmSync(home, { recursive: true, force: true })
  }
  return undefined
}

async function tell(show: Walkthrough, home: string): Promise<void> {
  const secrets = makeSecrets()
  show.say(
    `A private server runs on https://localhost:${show.port}, its data in a temporary directory.`,
  )

  show.title('A resource group and a vault')
  await show.run('group create --name demo --location westeurope -o table')
  await show.run(
    'keyvault create --name kv-demo --resource-group demo --enable-rbac-authorization false -o table',
  )

  show.title(
    'Three secrets, from stdin: a password with $ ! ; @ # and quotes, a key with many lines, a JSON document',
  )
  for (const [name, value] of Object.entries(secrets)) {
    await show.run(
      `keyvault secret set --vault-name kv-demo --name ${name} --query id -o tsv`,
      value,
    )
  }

  show.title('A service principal that may get and list them')
  const created = await show.result('ad sp create-for-rbac --name demo-pipelines')
  const appId = String(dig(created, 'appId'))
  show.say(JSON.stringify({ appId, password: '***' }))
  await show.run(
    `keyvault set-policy --name kv-demo --spn ${appId} --secret-permissions get list --query properties.accessPolicies[].permissions.secrets[] -o tsv`,
  )

  show.title('A service connection, and a variable group that is linked to the vault')
  const key = new Sealed(String(dig(created, 'password')))
  await show.run(
    `devops service-endpoint azurerm create --name demo --azure-rm-service-principal-id ${appId} -o table`,
    key,
  )
  await show.run(
    `pipelines variable-group create --name demo-secrets --type AzureKeyVault --vault kv-demo --service-connection demo --secrets ${Object.keys(secrets).join(',')} --authorize true -o table`,
  )

  show.title('The pipeline examples/first/azure-pipelines.yml, live')
  await show.run(
    `pipelines create --name first --repository ${findExample()} --skip-first-run -o table`,
  )
  await show.run('pipelines run --name first --follow')

  show.title('The artifact')
  const folder = path.join(home, 'drop')
  await show.run(
    `pipelines runs artifact download --run-id 1 --artifact-name drop --path ${folder}`,
  )
  await compare(show, path.join(folder, 'secret.txt'), secrets['db-password'])

  show.title('Who read what')
  await show.run('audit list --vault-name kv-demo --operation SecretGet -o table')
  await show.run('audit verify')
}

/** Values nobody has seen before, so that a leak could not be a coincidence. */
function makeSecrets(): Record<'db-password' | 'tls-key' | 'app-settings', Sealed> {
  const random = () => randomBytes(9).toString('base64url')
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return {
    'db-password': new Sealed(`${random()}$HOME!;@#'"${random()}`),
    'tls-key': new Sealed(privateKey),
    'app-settings': new Sealed(
      JSON.stringify({ api: { key: random(), retries: 3 } }, undefined, 2),
    ),
  }
}

function findExample(): string {
  const folder = path.resolve(import.meta.dirname, '../../../examples/first')
  if (existsSync(folder)) return folder
  throw new Fault('ExampleMissing', `The example ${folder} is missing. Install Sluice again.`)
}

/** By hash: the value itself is never printed. */
async function compare(show: Walkthrough, file: string, value: Sealed): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  const found = hash.digest('hex')
  const expected = createHash('sha256').update(value.open()).digest('hex')
  show.say(`sha256 of drop/secret.txt  ${found}`)
  show.say(`sha256 of the secret       ${expected}`)
  if (found !== expected) throw new Fault('DemoWrong', 'The artifact does not hold the true value.')
  show.say('Equal: the file holds the true value, and no log showed it.')
}

/** Runs commands of the command line against one session and shows them as a person would type them. */
class Walkthrough {
  readonly #context: CommandContext
  readonly #session: Session
  readonly #data: string

  constructor(context: CommandContext, session: Session, data: string) {
    this.#context = context
    this.#session = session
    this.#data = data
  }

  get port(): number {
    return this.#session.port
  }

  say(text: string): void {
    this.#context.terminal.out(`${text}\n`)
  }

  title(text: string): void {
    const { color } = this.#context.terminal
    this.say(color ? `\n\u001b[1m${text}\u001b[0m` : `\n== ${text}`)
  }

  async run(line: string, stdin?: Sealed): Promise<void> {
    this.#echo(line, stdin)
    const { asked, result } = await this.#execute(line, stdin)
    const picked = await select(result, asked.common.query)
    const { terminal } = this.#context
    terminal.out(
      await print(picked, {
        format: toFormat(asked.common.output),
        color: terminal.color,
        table: asked.command.details.table,
        queried: asked.common.query !== undefined,
      }),
    )
  }

  async result(line: string): Promise<unknown> {
    this.#echo(line)
    const { result } = await this.#execute(line)
    if (!isObject(result)) throw new Fault('DemoWrong', `sluice ${line} gave no object.`)
    return result
  }

  #echo(line: string, stdin?: Sealed): void {
    const command = `$ ${stdin ? '… | ' : ''}sluice ${line}`
    this.say(this.#context.terminal.color ? `\u001b[36m${command}\u001b[0m` : command)
  }

  async #execute(line: string, stdin?: Sealed) {
    const asked = await this.#context.parse(line.split(' '))
    if (!asked) throw new Error(`The demonstration has a line that does nothing: ${line}`)
    const outer = this.#context.terminal
    const terminal: Terminal = stdin
      ? { ...outer, hasStdin: true, readStdin: async () => stdin }
      : outer
    const result = await asked.command.run(asked.options as never, {
      terminal,
      common: { data: this.#data },
      rest: [],
      parse: this.#context.parse,
      session: async () => this.#session,
    })
    return { asked, result }
  }
}
