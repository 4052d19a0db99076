import { text } from 'node:stream/consumers'
import { isObject, type JsonObject } from '../../base/json.ts'
import type { Client } from '../../client/index.ts'
import { dig } from '../az-words.ts'

const POLL_MS = 200
/** The time in front of every stored line; who follows live knows what time it is. */
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z /gm

/**
 * Prints the log of a run while it grows, step after step in the order they start, until the run
 * ends. The lines come masked from the server. Gives the run's result.
 */
export async function followRun(
  client: Client,
  project: string,
  runId: number,
  print: (text: string) => void,
): Promise<string> {
  const build = `${project}/_apis/build/builds/${runId}`
  const printed = new Map<number, number>()
  for (;;) {
    const run = await client.devops(build, '7.1')
    const finished = dig(run, 'status') === 'completed'
    for (const record of stepsOf(await client.devops(`${build}/timeline`, '7.1'))) {
      const logId = dig(record, 'log', 'id')
      if (typeof logId !== 'number') continue
      await printNew(client, `${build}/logs/${logId}`, { logId, printed, print })
      if (record['state'] !== 'completed' && !finished) break
    }
    if (finished) return String(dig(run, 'result'))
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Task records that have begun, in the order they began. */
function stepsOf(timeline: unknown): JsonObject[] {
  const records = dig(timeline, 'records')
  return (Array.isArray(records) ? records : [])
    .filter(isObject)
    .filter((record) => record['type'] === 'Task' && typeof record['startTime'] === 'string')
    .sort(
      (a, b) =>
        String(a['startTime']).localeCompare(String(b['startTime'])) ||
        Number(a['order']) - Number(b['order']),
    )
}

async function printNew(
  client: Client,
  path: string,
  log: {
    readonly logId: number
    readonly printed: Map<number, number>
    readonly print: (text: string) => void
  },
): Promise<void> {
  const from = log.printed.get(log.logId) ?? 0
  const lines = await text(
    await client.devopsStream(`${path}?startLine=${from + 1}`, '7.1', 'text/plain'),
  )
  if (lines === '') return
  log.print(lines.replaceAll(STAMP, ''))
  log.printed.set(log.logId, from + lines.split('\n').length - 1)
}
