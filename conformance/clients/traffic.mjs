// Writes and reads secrets until its standard input ends, eight at a time. Prints `ok NAME VALUE` for
// each write that was answered, and `wrong …` for whatever else happens.
const { url, token } = JSON.parse(process.env.TRAFFIC)
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
let isOver = false
process.stdin.on('data', () => undefined)
process.stdin.on('end', () => {
  isOver = true
})

async function call(method, name, value) {
  const body = value === undefined ? {} : { body: JSON.stringify({ value }) }
  const reply = await fetch(`${url}/secrets/${name}?api-version=7.4`, { method, headers, ...body })
  const text = await reply.text()
  if (reply.status !== 200) throw new Error(`${method} ${name} ${reply.status} ${text}`)
  return JSON.parse(text)
}

await Promise.all(
  Array.from({ length: 8 }, async (_, lane) => {
    for (let i = 0; !isOver; i += 1) {
      const [name, value] = [`s${lane}-${i % 40}`, `value-${lane}-${i}`]
      try {
        await call('PUT', name, value)
        const back = (await call('GET', name)).value
        process.stdout.write(back === value ? `ok ${name} ${value}\n` : `wrong ${name} ${back}\n`)
      } catch (error) {
        process.stdout.write(`wrong ${String(error.message).replaceAll('\n', ' ')}\n`)
      }
    }
  }),
)
