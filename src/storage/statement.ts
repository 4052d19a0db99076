import type { Compilable, Kysely } from 'kysely'
import { type Engine, openBuilder } from './dialect.ts'

/**
 * A statement compiled once and run many times: the hot paths' way around the query builder.
 * Made by `statement`; its parameters are given by name. One written by hand is SQL that both
 * engines know, with `?` for each value.
 */
export interface Statement<Parameters, Row> {
  readonly sql: string
  bind(parameters: Parameters): readonly unknown[]
  /** The statement in PostgreSQL's words; without it `sql` serves, its places numbered. */
  forPostgres?(): Bindable<Parameters>
  /** Never set; carries the row's type. */
  readonly row?: Row
}

/** SQL of one engine, and its values in the order of their places. */
export interface Bindable<Parameters> {
  readonly sql: string
  bind(parameters: Parameters): readonly unknown[]
}

class Parameter {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

/**
 * A query that is compiled once for each engine, when it is first used. `build` gets a function
 * that stands for a named parameter; use it wherever a value would be.
 */
export function statement<Tables, Parameters, Row = never>(
  build: (
    query: Kysely<Tables>,
    parameter: <T>(name: keyof Parameters & string) => T,
  ) => Compilable,
): Statement<Parameters, Row> {
  return new BuiltStatement<Parameters, Row>((compiler) =>
    build(compiler as Kysely<Tables>, <T>(name: string) => new Parameter(name) as T),
  )
}

type Build = (compiler: Kysely<unknown>) => Compilable

class BuiltStatement<Parameters, Row> implements Statement<Parameters, Row> {
  readonly row?: Row
  readonly #build: Build
  #sqlite: Bindable<Parameters> | undefined
  #postgres: Bindable<Parameters> | undefined

  constructor(build: Build) {
    this.#build = build
  }

  get sql(): string {
    this.#sqlite ??= compile(this.#build, 'sqlite')
    return this.#sqlite.sql
  }

  bind(parameters: Parameters): readonly unknown[] {
    this.#sqlite ??= compile(this.#build, 'sqlite')
    return this.#sqlite.bind(parameters)
  }

  forPostgres(): Bindable<Parameters> {
    this.#postgres ??= compile(this.#build, 'postgres')
    return this.#postgres
  }
}

function compile<Parameters>(build: Build, engine: Engine): Bindable<Parameters> {
  const { sql, parameters: places } = build(openBuilder(engine)).compile()
  return {
    sql,
    bind: (parameters) =>
      places.map((place) =>
        place instanceof Parameter ? (parameters as Record<string, unknown>)[place.name] : place,
      ),
  }
}
