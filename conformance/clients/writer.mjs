// Writes secrets, keys and certificates: makes each, makes every second one again and deletes every
// sixth, 64 at a time. Prints a line `kind/name state version` for each answer that arrived; ends
// when the server does.
import { text } from 'node:stream/consumers'

const { url, token, count, prefix, pem } = JSON.parse(await text(process.stdin))
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
const KINDS = ['secrets', 'secrets', 'keys', 'secrets', 'certificates']

const requests = {
  secrets: (name, state) => ['PUT', '', { value: `${state}-${name}-${'x'.repeat(500)}` }],
  keys: () => ['POST', '/create', { kty: 'EC' }],
  certificates: () => ['POST', '/import', { value: pem }],
}

async function call(kind, name, state) {
  const [method, tail, body] =
    state === 'deleted' ? ['DELETE', '', undefined] : requests[kind](name, state)
  const reply = await fetch(`${url}/${kind}/${name}${tail}?api-version=7.4`, {
    method,
    headers,
    ...(body && { body: JSON.stringify(body) }),
  })
  const answer = JSON.parse(await reply.text())
  if (reply.status !== 200) throw new Error(JSON.stringify(answer))
  const version = (answer.id ?? answer.key.kid).split('/').at(-1)
  process.stdout.write(`${kind}/${name} ${state} ${version}\n`)
}

const waiting = Array.from({ length: count }, (_, i) => i).values()
await Promise.all(
  Array.from({ length: 64 }, async () => {
    for (const i of waiting) {
      const kind = KINDS[i % KINDS.length]
      const name = `${prefix}-${i}`
      try {
        await call(kind, name, 'first')
        if (i % 2 === 0) await call(kind, name, 'second')
        if (i % 6 === 0) await call(kind, name, 'deleted')
      } catch (error) {
        // The server is gone: what was not answered may or may not be there.
        if (!(error instanceof TypeError)) throw error
        return
      }
    }
  }),
)
