import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { operation } from '../http/operation.ts'
import { empty } from '../http/reply.ts'
import type { Service } from '../http/service.ts'
import { findService } from '../network/index.ts'
import { dispatch } from './handlers.ts'

const service: Service<undefined> = {
  name: 'late',
  operations: [operation<undefined>()('Any', { method: 'GET', path: '/' }, () => empty(204))],
  open: () => undefined,
  toReply: () => empty(500),
  notFound: () => empty(404),
  headers: () => ({}),
}

test('a service that could not be had once is asked for again by the next request', async () => {
  const bugs: unknown[] = []
  let isBusy = true
  const devops = async () => {
    if (!isBusy) return service
    isBusy = false
    throw new Error('busy')
  }
  const answer = dispatch({ devops, front: service }, manualClock(0), (bug) => bugs.push(bug))
  const server = createServer((request, response) => {
    const found = findService('dev.azure.com')
    if (found) answer(request, response, found)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const ask = () => fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const statuses = [(await ask()).status, (await ask()).status]
  await new Promise((resolve) => server.close(resolve))

  expect(statuses).toEqual([500, 204])
  expect(bugs).toEqual([new Error('busy')])
})
