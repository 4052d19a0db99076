// Makes a schema of its own in the database at argv[2] and prints the address of both together.
import { randomUUID } from 'node:crypto'
import pg from 'pg'

const [, , url] = process.argv
const schema = `c${randomUUID().replaceAll('-', '')}`
const client = new pg.Client({ connectionString: url })
await client.connect()
await client.query(`create schema ${schema}`)
await client.end()
const joint = url.includes('?') ? '&' : '?'
process.stdout.write(`${url}${joint}options=${encodeURIComponent(`-csearch_path=${schema}`)}`)
