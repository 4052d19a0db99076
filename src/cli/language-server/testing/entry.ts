import { serveEditor } from '../index.ts'

await serveEditor(process.stdin, process.stdout)
