// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Client, ResultSet } from '@libsql/client'
import { Column, DrizzleQueryError, is, Param, Placeholder, type Query } from 'drizzle-orm'
import { NoopCache } from 'drizzle-orm/cache/core'
import { LibSQLPreparedQuery, LibSQLSession } from 'drizzle-orm/libsql/session'
import { NoopLogger } from 'drizzle-orm/logger'
import { type PreparedQueryConfig, SQLiteAsyncDialect } from 'drizzle-orm/sqlite-core'
import type { Outcome } from './kept-statements.ts'

/** Where the queries of a session run. */
export interface Executor {
  run(sql: string, args: readonly unknown[]): Outcome
  columns(sql: string): string[]
}

type Config = Omit<PreparedQueryConfig, 'run'>
type Prepare = LibSQLSession<Record<string, never>, Record<string, never>>['prepareQuery']
type Fields = Parameters<Prepare>[1]
type Method = Parameters<Prepare>[2]
type Mapper = Parameters<Prepare>[4]

type Row = Record<string, unknown>
type ToRow = (values: unknown[]) => Row

/** How the arguments of a query come about from the values of its placeholders. */
function argumentMaker(params: readonly unknown[]): (values: Row) => unknown[] {
  const makers = params.map((param) => {
    if (typeof param !== 'object' || param === null) return () => param
    const [encoder, inner] = is(param, Param) ? [param.encoder, param.value] : [undefined, param]
    if (!is(inner, Placeholder)) return () => param
    const { name } = inner
    return (values: Row) => {
      if (!(name in values)) throw new Error(`no value for the placeholder ${name}`)
      return encoder ? encoder.mapToDriverValue(values[name]) : values[name]
    }
  })
  return (values) => makers.map((make) => make(values))
}

/** How a row of plain columns becomes an object; undefined where the rows nest or hold expressions. */
function rowMaker(fields: Fields): ToRow | undefined {
  const columns: {
    readonly name: string
    readonly decode: ((value: unknown) => unknown) | undefined
  }[] = []
  for (const { path, field } of fields ?? []) {
    const [name] = path
    if (path.length !== 1 || name === undefined || !is(field, Column)) return undefined
    // Most columns are text or number and take what the driver gives.
    const plain = field.mapFromDriverValue === Column.prototype.mapFromDriverValue
    columns.push({ name, decode: plain ? undefined : (value) => field.mapFromDriverValue(value) })
  }
  if (columns.length === 0) return undefined
  return (values) => {
    const row: Row = {}
    let index = 0
    for (const { name, decode } of columns) {
      const value = values[index++]
      row[name] = value === null || decode === undefined ? value : decode(value)
    }
    return row
  }
}

const result = ({ rows, changes, lastId }: Outcome): ResultSet => ({
  ...{ columns: [], columnTypes: [], rows: rows as unknown as ResultSet['rows'] },
  ...{ rowsAffected: changes, lastInsertRowid: lastId },
  toJSON: () => ({ rows, rowsAffected: changes }),
})

/** A query of drizzle's, run on a connection of ours: its statement is kept there. */
class LocalQuery<T extends Config> extends LibSQLPreparedQuery<T> {
  readonly #executor: Executor
  readonly #named: boolean
  readonly #toRow: ToRow | undefined
  readonly #toArguments: (values: Row) => unknown[]

  constructor(
    { client, executor }: LocalParts,
    query: Query,
    fields: Fields,
    method: Method,
    isArray: boolean,
    mapper: Mapper,
  ) {
    const [logger, cache] = [new NoopLogger(), new NoopCache()]
    super(
      ...([client, query, logger, cache, undefined, undefined] as const),
      ...([fields, undefined, method, isArray, mapper] as const),
    )
    this.#executor = executor
    this.#named = !fields && !mapper
    this.#toRow = mapper ? undefined : rowMaker(fields)
    this.#toArguments = argumentMaker(query.params)
  }

  #run(values: Row): Outcome {
    const { sql } = this.getQuery()
    const args = this.#toArguments(values)
    try {
      return this.#executor.run(sql, args)
    } catch (error) {
      throw new DrizzleQueryError(sql, args, error instanceof Error ? error : undefined)
    }
  }

  #objects({ rows }: Outcome): Row[] {
    const names = this.#executor.columns(this.getQuery().sql)
    return rows.map((row) => Object.fromEntries(names.map((name, at) => [name, row[at]])))
  }

  override async run(values: Row = {}) {
    return result(this.#run(values))
  }

  override async values(values: Row = {}): Promise<T['values']> {
    return this.#run(values).rows
  }

  override async all(values: Row = {}): Promise<T['all']> {
    const outcome = this.#run(values)
    if (this.#named) return this.#objects(outcome)
    // Rows of a left join carry a mark that only drizzle's own mapper reads.
    return this.#toRow ? outcome.rows.map(this.#toRow) : this.mapAllResult(outcome.rows)
  }

  override async get(values: Row = {}): Promise<T['get']> {
    const outcome = this.#run(values)
    const [row] = outcome.rows
    if (this.#named) return this.#objects(outcome)[0]
    return this.#toRow && row ? this.#toRow(row) : this.mapGetResult(outcome.rows)
  }
}

export interface LocalParts {
  /** For what a session does beside queries: migrations. */
  readonly client: Client
  readonly executor: Executor
}

export const dialect = new SQLiteAsyncDialect()

/** Drizzle's session over connections of ours instead of a client. */
export class LocalSession extends LibSQLSession<Record<string, never>, Record<string, never>> {
  readonly #parts: LocalParts

  constructor(parts: LocalParts) {
    super(parts.client, dialect, undefined, {}, undefined)
    this.#parts = parts
  }

  override prepareQuery<T extends Config>(
    ...[query, fields, method, isArray, mapper]: Parameters<Prepare>
  ): LibSQLPreparedQuery<T> {
    return new LocalQuery<T>(this.#parts, query, fields, method, isArray, mapper)
  }
}
