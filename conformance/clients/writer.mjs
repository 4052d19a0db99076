// Sets secrets, sets every second one again and deletes every sixth, 64 at a time. Prints a line
// `name state` for each answer that arrived; ends when the server does.
import { text } from 'node:stream/consumers'

const { url, token, count } = JSON.parse(await text(process.stdin))
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

async function call(name, method, state) {
  const reply = await fetch(`${url}/secrets/${name}?api-version=7.4`, {
    method,
    headers,
    ...(method === 'PUT' && {
      body: JSON.stringify({ value: `${state}-${name}-${'x'.repeat(500)}` }),
    }),
  })
  await reply.text()
  if (reply.status === 200) process.stdout.write(`${name} ${state}\n`)
}

const waiting = Array.from({ length: count }, (_, i) => i).values()
await Promise.all(
  Array.from({ length: 64 }, async () => {
    try {
      for (const i of waiting) {
        await call(`s${i}`, 'PUT', 'first')
        if (i % 2 === 0) await call(`s${i}`, 'PUT', 'second')
        if (i % 6 === 0) await call(`s${i}`, 'DELETE', 'deleted')
      }
    } catch {
      // The server is gone: what was not answered may or may not be there.
    }
  }),
)
