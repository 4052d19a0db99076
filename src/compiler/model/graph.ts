import { didYouMean } from '../schema/suggest.ts'
import type { Spot } from '../text/source.ts'
import { type ModelContext, refuse } from './context.ts'

/** A stage or job in its graph. */
export interface GraphNode {
  readonly name: string
  /** The names as written with their places, or places of the item where a default was filled in. */
  readonly dependsOn: readonly { readonly name: string; readonly at: Spot }[]
}

/** Reports dependencies on unknown names and circles. Names compare without case. */
export function checkGraph(
  nodes: readonly GraphNode[],
  noun: 'stage' | 'job',
  context: ModelContext,
): void {
  const byName = new Map(nodes.map((node) => [node.name.toLowerCase(), node]))
  for (const node of nodes) {
    for (const { name, at } of node.dependsOn) {
      if (byName.has(name.toLowerCase())) continue
      const message = `${capital(noun)} ${node.name} depends on unknown ${noun} ${name}.`
      const near = didYouMean(
        name,
        nodes.flatMap((other) => (other === node ? [] : other.name)),
      )
      refuse(context, at, ['unknown-dependency', message, near ?? SAME_STAGE[noun]])
    }
  }
  reportCircles(nodes, byName, noun, context)
}

const SAME_STAGE = {
  job: 'A job depends on jobs of its own stage only.',
  stage: undefined,
} as const

/** Walks without recursion: graphs of 100,000 stages in a row must not end the stack. */
function reportCircles(
  nodes: readonly GraphNode[],
  byName: ReadonlyMap<string, GraphNode>,
  noun: 'stage' | 'job',
  context: ModelContext,
): void {
  const state = new Map<GraphNode, 'open' | 'done'>()
  for (const root of nodes) {
    if (state.has(root)) continue
    const path: { node: GraphNode; next: number }[] = [{ node: root, next: 0 }]
    state.set(root, 'open')
    for (let top = path.at(-1); top; top = path.at(-1)) {
      const edge = top.node.dependsOn[top.next]
      top.next += 1
      if (!edge) {
        state.set(top.node, 'done')
        path.pop()
        continue
      }
      const target = byName.get(edge.name.toLowerCase())
      if (!target) continue
      const seen = state.get(target)
      if (seen === 'open') {
        const message = `${capital(noun)} ${top.node.name} depends on ${noun} ${target.name} which creates a cycle in the dependency graph.`
        const from = path.findIndex(({ node }) => node === target)
        const circle = [...path.slice(from).map(({ node }) => node.name), target.name]
        refuse(context, edge.at, [
          'dependency-cycle',
          message,
          `The circle: ${circle.join(' -> ')}.`,
        ])
      } else if (!seen) {
        state.set(target, 'open')
        path.push({ node: target, next: 0 })
      }
    }
  }
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
