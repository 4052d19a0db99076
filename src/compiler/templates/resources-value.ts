import { ObjectValue, type Value } from '../expressions/index.ts'
import { noResources, toResources } from '../model/resources.ts'
import type { PlanResource, PlanResources } from '../plan.ts'
import type { Sink } from '../sink.ts'
import type { Token } from '../text/token.ts'

/** The resources that are declared so far, as a plan and as the value of `resources`. */
export interface KnownResources {
  declare(token: Token): void
  plan(): PlanResources
  value(): Value
  /** Aliases of repositories. */
  aliases(): readonly string[]
}

/** Starts with `self` alone. Problems of the declarations are reported when the plan is made. */
export function createKnownResources(
  self: Readonly<Record<string, string>>,
  silent: Sink,
): KnownResources {
  let known: PlanResources = noResources
  let value: Value | undefined
  return {
    plan: () => known,
    aliases: () => known.repositories.map(({ alias }) => alias),
    declare(token) {
      const more = toResources(token, silent)
      known = merge(known, more)
      value = undefined
    },
    value() {
      value ??= toValue(known, self)
      return value
    },
  }
}

function merge(known: PlanResources, more: PlanResources): PlanResources {
  return {
    repositories: [...known.repositories, ...more.repositories],
    pipelines: [...known.pipelines, ...more.pipelines],
    containers: [...known.containers, ...more.containers],
    builds: [...known.builds, ...more.builds],
    packages: [...known.packages, ...more.packages],
    webhooks: [...known.webhooks, ...more.webhooks],
  }
}

function toValue(known: PlanResources, self: Readonly<Record<string, string>>): Value {
  const byAlias = (list: readonly PlanResource[]) =>
    Object.fromEntries(list.map(({ alias, properties }) => [alias, { alias, ...properties }]))
  const { repositories, ...others } = known
  const kinds = Object.entries(others).map(([kind, list]) => [kind, byAlias(list)] as const)
  return new ObjectValue({
    repositories: { self: { alias: 'self', ...self }, ...byAlias(repositories) },
    ...Object.fromEntries(kinds),
  })
}
