// Sends the requests that stand on stdin as JSON, 64 at a time, and prints the replies as JSON.
import { text } from 'node:stream/consumers'

const requests = JSON.parse(await text(process.stdin))
const replies = []
const waiting = requests.entries()

async function send() {
  for (const [place, { url, method = 'GET', headers = {}, body, form }] of waiting) {
    const reply = await fetch(url, {
      method,
      headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
      body: form
        ? new URLSearchParams(form)
        : body === undefined
          ? undefined
          : JSON.stringify(body),
    })
    const content = await reply.text()
    const isJson = reply.headers.get('content-type')?.startsWith('application/json') && content
    replies[place] = {
      status: reply.status,
      headers: Object.fromEntries(reply.headers),
      body: isJson ? JSON.parse(content) : content,
    }
  }
}

await Promise.all(Array.from({ length: 64 }, send))
process.stdout.write(JSON.stringify(replies))
