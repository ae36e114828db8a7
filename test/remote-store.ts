// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * A database server that speaks Hrana 2 over HTTP (libsql's HRANA_2_SPEC), over a SQLite file: enough
 * of it for the client of ours that is under test. One connection a stream, as the protocol has it.
 */
import { Database, type SQLQueryBindings } from 'bun:sqlite'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fastFolder } from './temporary-db.ts'

type Value =
  | { readonly type: 'null' }
  | { readonly type: 'integer' | 'text'; readonly value: string }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'blob'; readonly base64: string }

/** Text, or the number under which the client stored it. */
interface Text {
  readonly sql?: string
  readonly sql_id?: number
}

interface Statement extends Text {
  readonly args?: readonly Value[]
}

type Condition =
  | { readonly type: 'ok' | 'error'; readonly step: number }
  | { readonly type: 'not'; readonly cond: Condition }
  | { readonly type: 'and' | 'or'; readonly conds: readonly Condition[] }
  | { readonly type: 'is_autocommit' }

type Demand =
  | { readonly type: 'execute'; readonly stmt: Statement }
  | { readonly type: 'batch'; readonly batch: { readonly steps: readonly Step[] } }
  | ({ readonly type: 'sequence' } & Text)
  | { readonly type: 'store_sql'; readonly sql_id: number; readonly sql: string }
  | { readonly type: 'close_sql'; readonly sql_id: number }
  | { readonly type: 'close' | 'get_autocommit' }

interface Stream {
  readonly db: Database
  readonly texts: Map<number, string>
}

interface Step {
  readonly condition?: Condition
  readonly stmt: Statement
}

const bound = (value: Value): SQLQueryBindings => {
  if (value.type === 'null') return null
  if (value.type === 'blob') return Buffer.from(value.base64, 'base64')
  return value.type === 'integer' ? BigInt(value.value) : value.value
}

const told = (value: unknown): Value => {
  if (value === null) return { type: 'null' }
  if (typeof value === 'bigint') return { type: 'integer', value: String(value) }
  if (typeof value === 'number') return { type: 'float', value }
  if (typeof value === 'string') return { type: 'text', value }
  return { type: 'blob', base64: Buffer.from(value as Uint8Array).toString('base64') }
}

const textOf = ({ texts }: Stream, { sql, sql_id: id }: Text): string =>
  sql ?? texts.get(id ?? -1) ?? ''

function execute(stream: Stream, { args = [], ...text }: Statement) {
  const { db } = stream
  const statement = db.query(textOf(stream, text))
  const rows = statement.values(...args.map(bound))
  const [facts] = db.query('select changes(), last_insert_rowid()').values()
  return {
    cols: statement.columnNames.map((name) => ({ name })),
    rows: rows.map((row) => row.map(told)),
    affected_row_count: Number(facts?.[0] ?? 0),
    last_insert_rowid: String(facts?.[1] ?? 0),
  }
}

const problem = (error: unknown) => ({
  message: error instanceof Error ? error.message : String(error),
  code: (error as { code?: string }).code ?? 'SQLITE_ERROR',
})

function batch(stream: Stream, steps: readonly Step[]) {
  const results: (object | null)[] = []
  const errors: (object | null)[] = []
  const holds = (condition: Condition): boolean => {
    if (condition.type === 'ok') return results[condition.step] !== null
    if (condition.type === 'error') return errors[condition.step] !== null
    if (condition.type === 'not') return !holds(condition.cond)
    if (condition.type === 'and') return condition.conds.every(holds)
    return condition.type === 'or' ? condition.conds.some(holds) : !stream.db.inTransaction
  }
  for (const { condition, stmt } of steps) {
    let result: object | null = null
    let error: object | null = null
    try {
      if (!condition || holds(condition)) result = execute(stream, stmt)
    } catch (thrown) {
      error = problem(thrown)
    }
    results.push(result)
    errors.push(error)
  }
  return { step_results: results, step_errors: errors }
}

function answer(stream: Stream, demand: Demand): object {
  const { type } = demand
  if (type === 'execute') return { type, result: execute(stream, demand.stmt) }
  if (type === 'batch') return { type, result: batch(stream, demand.batch.steps) }
  if (type === 'get_autocommit') return { type, is_autocommit: !stream.db.inTransaction }
  if (type === 'sequence') stream.db.run(textOf(stream, demand))
  if (type === 'store_sql') stream.texts.set(demand.sql_id, demand.sql)
  if (type === 'close_sql') stream.texts.delete(demand.sql_id)
  return { type }
}

/** Give its URL and token as `store.url` and `store.auth_token`. */
export interface RemoteStore extends AsyncDisposable {
  readonly url: string
  readonly token: string
  /** Streams that are open: transactions under way. */
  readonly streams: ReadonlyMap<string, Stream>
}

export async function remoteStore(): Promise<RemoteStore> {
  const folder = await mkdtemp(join(fastFolder, 'slipway-remote-'))
  const path = join(folder, 'remote.db')
  const token = crypto.randomUUID()
  const streams = new Map<string, Stream>()
  const open = () => {
    const db = new Database(path, { create: true, safeIntegers: true })
    db.run('pragma journal_mode = wal')
    db.run('pragma busy_timeout = 0')
    return { db, texts: new Map<number, string>() }
  }
  const pipeline = (baton: string | undefined, requests: readonly Demand[]) => {
    const stream = (baton === undefined ? undefined : streams.get(baton)) ?? open()
    if (baton !== undefined) streams.delete(baton)
    const results = requests.map((request) => {
      try {
        return { type: 'ok', response: answer(stream, request) }
      } catch (error) {
        return { type: 'error', error: problem(error) }
      }
    })
    if (requests.some(({ type }) => type === 'close')) {
      stream.db.close()
      return { baton: null, base_url: null, results }
    }
    const next = crypto.randomUUID()
    streams.set(next, stream)
    return { baton: next, base_url: null, results }
  }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    async fetch(request) {
      if (request.headers.get('authorization') !== `Bearer ${token}`) {
        return new Response('no', { status: 401 })
      }
      if (new URL(request.url).pathname !== '/v2/pipeline') return new Response('', { status: 404 })
      const { baton, requests } = (await request.json()) as {
        baton?: string
        requests: readonly Demand[]
      }
      return Response.json(pipeline(baton, requests))
    },
  })
  return {
    ...{ url: server.url.origin, token, streams },
    async [Symbol.asyncDispose]() {
      await server.stop(true)
      for (const { db } of streams.values()) db.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
