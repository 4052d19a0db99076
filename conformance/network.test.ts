import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, type TestContext, test } from 'vitest'
import {
  type ConnectProxy,
  clientEnvironment,
  type Listener,
  type LocalCa,
  openCa,
  openListener,
  openProxy,
  type Variables,
  writeBundle,
} from '../src/network/index.ts'

const run = promisify(execFile)
const folder = mkdtempSync(path.join(os.tmpdir(), 'sluice-clients-'))
const url = 'https://kv1.vault.azure.net/secrets/a'
let ca: LocalCa
let listener: Listener
let proxy: ConnectProxy
let variables: Variables
let trustStoreFile: string | undefined

beforeAll(async () => {
  ca = openCa(folder)
  listener = await openListener({
    ca,
    port: 0,
    onRequest: (request, response, { service, label }) => {
      response.end(`${request.method} ${service} ${label} ${request.url}\n`)
    },
  })
  proxy = await openProxy({ port: 0, listenerPort: listener.port, strict: true })
  trustStoreFile = await makeTrustStore()
  variables = clientEnvironment({
    proxyPort: proxy.port,
    caFile: ca.file,
    bundleFile: writeBundle(folder, ca.pem, {}),
    ...(trustStoreFile !== undefined && { trustStoreFile }),
  })
})

afterAll(async () => {
  await proxy.close(0)
  await listener.close(0)
  rmSync(folder, { recursive: true, force: true })
})

/** Undefined where Java is not installed. */
async function makeTrustStore(): Promise<string | undefined> {
  const file = path.join(folder, 'trust.p12')
  const store = ['-keystore', file, '-storetype', 'PKCS12', '-storepass', 'changeit']
  try {
    await run('keytool', [
      '-importcert',
      '-noprompt',
      '-alias',
      'sluice',
      '-file',
      ca.file,
      ...store,
    ])
    return file
  } catch {
    return undefined
  }
}

/** Only what a program needs to start, and our variables: no proxy or trust of this machine. */
function surroundings(): NodeJS.ProcessEnv {
  const { PATH, HOME } = process.env
  return { PATH, HOME, ...variables }
}

async function needs(context: TestContext, program: string, ...args: string[]): Promise<void> {
  const isThere = await run(program, args).then(
    () => true,
    () => false,
  )
  if (!isThere) context.skip(`${program} is not installed`)
}

function source(name: string, text: string): string {
  const file = path.join(folder, name)
  writeFileSync(file, text)
  return file
}

const FETCH = `const reply = await fetch(process.argv[2]); process.stdout.write(await reply.text())`
const NODE_HTTPS = `import https from 'node:https'
  https.get(process.argv[2], (reply) => reply.pipe(process.stdout))`
const PYTHON = `import sys, urllib.request
sys.stdout.write(urllib.request.urlopen(sys.argv[1]).read().decode())`
const GO = `package main
import ("io"; "net/http"; "os"; "fmt")
func main() {
  reply, err := http.Get(os.Args[1])
  if err != nil { fmt.Fprintln(os.Stderr, err); os.Exit(1) }
  io.Copy(os.Stdout, reply.Body)
}`
const JAVA = `import java.net.URI; import java.net.http.*;
class Get { public static void main(String[] args) throws Exception {
  var client = HttpClient.newBuilder().proxy(java.net.ProxySelector.getDefault()).build();
  var reply = client.send(HttpRequest.newBuilder(URI.create(args[0])).build(), HttpResponse.BodyHandlers.ofString());
  System.out.print(reply.body());
} }`

/** Each client: how to ask whether it is there, and how it gets a URL. */
const clients: [string, string[], (target: string) => string[]][] = [
  ['curl', ['curl', '--version'], (target) => ['curl', '-sS', target]],
  [
    'fetch of Node',
    [process.execPath, '-v'],
    (target) => [process.execPath, source('fetch.mjs', FETCH), target],
  ],
  [
    'https of Node',
    [process.execPath, '-v'],
    (target) => [process.execPath, source('https.mjs', NODE_HTTPS), target],
  ],
  [
    'urllib of Python',
    ['python3', '-V'],
    (target) => ['python3', source('get.py', PYTHON), target],
  ],
  ['net/http of Go', ['go', 'version'], (target) => ['go', 'run', source('get.go', GO), target]],
  [
    'HttpClient of Java',
    ['javac', '-version'],
    (target) => ['java', source('Get.java', JAVA), target],
  ],
]

for (const [name, [probe = '', ...probeArgs], command] of clients) {
  test(`${name}, unchanged, reads https://NAME.vault.azure.net from us`, async (context) => {
    await needs(context, probe, ...probeArgs)
    const [program = '', ...args] = command(url)
    const { stdout } = await run(program, args, { env: surroundings() })
    expect(stdout).toBe('GET vault kv1 /secrets/a\n')
  })
}

test('git takes its trust and its proxy from the variables', async () => {
  const asked = run('git', ['ls-remote', 'https://dev.azure.com/org/_git/repo'], {
    env: { ...surroundings(), GIT_TERMINAL_PROMPT: '0' },
  })
  // The answer of this listener is no git answer; that git read it shows that TLS was accepted.
  await expect(asked).rejects.toMatchObject({
    stderr: expect.stringContaining('not valid: is this a git repository?'),
  })
})

test('no client reaches anything else through the strict proxy', async () => {
  const asked = run('curl', ['-sS', 'https://example.com/'], { env: surroundings() })
  await expect(asked).rejects.toMatchObject({ stderr: expect.stringContaining('403') })
})
