/**
 * `node:http`. An `import` of it would also load what it exports for web sockets, 20 ms of every
 * start; import only its types.
 */
export const http = process.getBuiltinModule('node:http')
