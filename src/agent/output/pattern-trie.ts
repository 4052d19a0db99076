interface Node {
  /** The bytes on the way into this node; empty for the root only. */
  readonly edge: Uint8Array
  isEnd: boolean
  children: Map<number, Node> | undefined
}

/** From this length on the engine's own comparison beats a loop. */
const LONG_EDGE = 48

/**
 * Patterns by their bytes, so that checking a place costs the length of what matches there and not
 * the number of patterns that begin alike.
 */
export class PatternTrie {
  readonly #root: Node = { edge: new Uint8Array(0), isEnd: false, children: undefined }

  /** @returns false when the trie has the pattern already */
  add(pattern: Uint8Array): boolean {
    let node = this.#root
    let at = 0
    while (at < pattern.length) {
      const first = pattern[at] as number
      node.children ??= new Map()
      const child = node.children.get(first)
      if (!child) {
        const leaf = { edge: pattern.subarray(at), isEnd: true, children: undefined }
        node.children.set(first, leaf)
        return true
      }
      const shared = sharedLength(child.edge, pattern, at)
      node = shared === child.edge.length ? child : split(node.children, child, shared)
      at += shared
    }
    const isNew = !node.isEnd
    node.isEnd = true
    return isNew
  }

  /** The length of the longest pattern that stands at `start` of `bytes`; 0 when none does. */
  longestAt(bytes: Buffer, start: number): number {
    let node = this.#root
    let at = start
    let longest = 0
    while (node.children && at < bytes.length) {
      const child = node.children.get(bytes[at] as number)
      if (!child || !standsAt(child.edge, bytes, at)) break
      at += child.edge.length
      if (child.isEnd) longest = at - start
      node = child
    }
    return longest
  }
}

function sharedLength(edge: Uint8Array, pattern: Uint8Array, at: number): number {
  const most = Math.min(edge.length, pattern.length - at)
  let shared = 0
  while (shared < most && edge[shared] === pattern[at + shared]) shared++
  return shared
}

/** Puts a node in the middle of the edge to `child` and returns it. */
function split(siblings: Map<number, Node>, child: Node, at: number): Node {
  const rest: Node = { ...child, edge: child.edge.subarray(at) }
  const middle: Node = {
    edge: child.edge.subarray(0, at),
    isEnd: false,
    children: new Map([[rest.edge[0] as number, rest]]),
  }
  siblings.set(middle.edge[0] as number, middle)
  return middle
}

function standsAt(edge: Uint8Array, bytes: Buffer, at: number): boolean {
  const end = at + edge.length
  if (end > bytes.length) return false
  if (edge.length >= LONG_EDGE) return bytes.compare(edge, 0, edge.length, at, end) === 0
  for (let i = 1; i < edge.length; i++) if (bytes[at + i] !== edge[i]) return false
  return true
}
