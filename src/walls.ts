/**
 * The rooms of `src/` and the rooms each may import. `npm test` holds the code to it, and
 * `npm run docs` draws docs/architecture.md from it. A room is entered by its `index.ts` only,
 * except the open rooms (base, http, storage), which are made of many small tools.
 */
export const walls: Readonly<Record<string, readonly string[]>> = {
  base: [],
  pkcs11: ['base'],
  http: ['base'],
  storage: ['base', 'pkcs11'],
  compiler: ['base'],
  tasks: ['base'],
  network: ['base', 'http', 'storage'],
  monitor: ['base', 'http', 'storage'],
  protocol: ['base', 'compiler'],
  vault: ['base', 'pkcs11', 'http', 'storage'],
  identity: ['base', 'http', 'storage'],
  arm: ['base', 'http', 'storage'],
  events: ['base', 'http', 'storage'],
  hosting: ['base', 'http', 'storage'],
  devops: ['base', 'http', 'storage', 'compiler', 'protocol'],
  agent: ['base', 'compiler', 'protocol', 'tasks'],
  advisor: ['base', 'compiler'],
  client: ['base'],
  server: [
    'base',
    'pkcs11',
    'http',
    'storage',
    'compiler',
    'tasks',
    'network',
    'monitor',
    'protocol',
    'vault',
    'identity',
    'arm',
    'events',
    'hosting',
    'devops',
    'agent',
    'advisor',
  ],
  cli: ['base', 'client', 'compiler', 'tasks', 'network', 'server'],
}

/** Rooms made of many small tools: their files may be imported one by one. */
export const openRooms: readonly string[] = ['base', 'http', 'storage']
