import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { openRooms, walls } from './walls.ts'

interface Crossing {
  readonly file: string
  readonly from: string
  readonly to: string
  readonly target: string
}

/** Every import that leaves its room: static, type-only, side-effect or dynamic. */
function crossings(): Crossing[] {
  return globSync('src/*/**/*.ts').flatMap((file) => {
    const source = readFileSync(file, 'utf8')
    return [...source.matchAll(/(?:from|import)[ (]+'(\.[^']+)'/g)].flatMap(
      ([, specifier = '']) => {
        const target = path.relative('src', path.resolve(path.dirname(file), specifier))
        const [from, to] = [roomOf(path.relative('src', file)), roomOf(target)]
        return from === to ? [] : [{ file, from, to, target }]
      },
    )
  })
}

function roomOf(file: string): string {
  return file.split(path.sep)[0] ?? ''
}

test('rooms import only the rooms that walls.ts allows', () => {
  const tests = /\.test\.ts$/
  const wrong = crossings().filter(
    ({ file, from, to }) => !tests.test(file) && !walls[from]?.includes(to),
  )
  expect(wrong).toEqual([])
})

test('rooms are entered by their index.ts', () => {
  const side = ({ to, target }: Crossing) =>
    !openRooms.includes(to) && path.basename(target) !== 'index.ts'
  expect(crossings().filter(side)).toEqual([])
})

test('a room names only rooms above it, so the picture has no circle', () => {
  const rooms = Object.keys(walls)
  const wrong = rooms.flatMap((room, i) =>
    (walls[room] ?? []).filter((other) => !rooms.slice(0, i).includes(other)),
  )
  expect(wrong).toEqual([])
})

test('the compiler imports nothing of Node, so that it runs in a browser', () => {
  const files = globSync(['src/compiler/**/*.ts', 'src/base/*.ts']).filter(
    (file) => !file.endsWith('.test.ts') && !file.includes(`${path.sep}testing${path.sep}`),
  )
  const wrong = files.filter((file) =>
    /(?:from|import)[ (]+'node:/.test(readFileSync(file, 'utf8')),
  )
  expect(files.length).toBeGreaterThan(0)
  expect(wrong).toEqual([])
})
