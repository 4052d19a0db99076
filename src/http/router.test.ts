import { expect, test } from 'vitest'
import type { Operation } from './operation.ts'
import { createRouter } from './router.ts'

const handle = () => ({ status: 200 })

function operations(...rows: string[]): Operation<undefined>[] {
  return rows.map((row) => {
    const [method = '', path = ''] = row.split(' ')
    return { name: row, method: method as 'GET', path, permission: undefined, handle }
  })
}

const find = createRouter(
  operations(
    'GET /',
    'GET /secrets',
    'GET /secrets/:name/:version?',
    'GET /secrets/:name/versions',
    'PUT /secrets/:name',
    'GET /:project/_apis/builds/:id',
    'GET /permissions/list/*',
    'GET /:any/*',
  ),
)

test.each([
  ['GET', '/', 'GET /', {}],
  ['GET', '/secrets', 'GET /secrets', {}],
  ['GET', '/secrets/', 'GET /secrets', {}],
  ['GET', '/SECRETS/Db', 'GET /secrets/:name/:version?', { name: 'Db' }],
  ['GET', '/secrets/db/1', 'GET /secrets/:name/:version?', { name: 'db', version: '1' }],
  ['GET', '//secrets//db/', 'GET /secrets/:name/:version?', { name: 'db' }],
  ['GET', '/secrets/db/VERSIONS', 'GET /secrets/:name/versions', { name: 'db' }],
  ['GET', '/secrets/a%20b', 'GET /secrets/:name/:version?', { name: 'a b' }],
  ['GET', '/secrets/a%2Fb', 'GET /secrets/:name/:version?', { name: 'a/b' }],
  ['PUT', `/secrets/${'n'.repeat(127)}`, 'PUT /secrets/:name', { name: 'n'.repeat(127) }],
  // A fixed segment that leads nowhere gives way to a name.
  [
    'GET',
    '/secrets/_apis/builds/7',
    'GET /:project/_apis/builds/:id',
    { project: 'secrets', id: '7' },
  ],
  ['GET', '/permissions/list/a/b', 'GET /permissions/list/*', { '*': 'a/b' }],
  ['GET', '/p/x/y', 'GET /:any/*', { any: 'p', '*': 'x/y' }],
])('%s %s is %s', (method, path, name, params) => {
  const route = find(method, path)

  expect(route?.operation.name).toBe(name)
  expect(route?.params).toEqual(params)
})

test.each([
  ['DELETE', '/secrets/db'],
  ['PUT', '/secrets'],
  ['GET', '/nothing'],
  ['GET', '/secrets/%E0%A4'],
])('%s %s is nothing', (method, path) => {
  expect(find(method, path)).toBeUndefined()
})

test('two operations in one place are a defect that is found at once', () => {
  const twice = operations('GET /a/:x', 'GET /a/:y/:z?')

  expect(() => createRouter(twice)).toThrow('same method and path')
})
