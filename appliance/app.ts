// SPDX-License-Identifier: AGPL-3.0-or-later
import { Hono, type MiddlewareHandler } from 'hono'
import type { Auth } from '../core/auth/auth.ts'
import { requireLogin } from '../core/auth/require-login.ts'
import type { Hooks } from '../core/hooks.ts'
import { requestContext } from '../core/http/context.ts'
import type { ApiEnv } from '../core/http/env.ts'
import { openApiDocument } from '../core/http/openapi.ts'
import type { OperationTable } from '../core/http/operation.ts'
import { notFound, onError } from '../core/http/problem.ts'
import type { Logger } from '../core/log.ts'
import { createField, type Field } from './field.ts'

/** Route sets of core, each made anew for a new app. */
export interface CoreRoutes {
  /** What all of these are, for the API's document. */
  readonly operations: readonly OperationTable[]
  /** Of this program. */
  readonly version: string
  /** Around the login: writes down what was asked and how it ended. */
  readonly audit: MiddlewareHandler<ApiEnv>
  /** Behind the login, by absolute base path. */
  readonly api: ReadonlyMap<string, () => Hono<ApiEnv>>
  /** For everyone: health, what machines call, the CA. */
  readonly open: readonly (() => Hono<ApiEnv>)[]
  /** What BMCs and booting machines reach in plain HTTP. */
  readonly field: readonly (() => Hono<ApiEnv>)[]
  /** What machines call over mutual TLS. */
  readonly mutual: readonly (() => Hono<ApiEnv>)[]
}

export interface Apps {
  /** HTTPS and loopback listeners. */
  readonly api: Hono<ApiEnv>
  /** BMC-facing listeners. */
  readonly field: Field
  /** Mutual-TLS listener. */
  readonly mutual: Hono<ApiEnv>
}

const bare = (log: Logger) => {
  const app = new Hono<ApiEnv>()
  app.use('*', requestContext)
  app.onError(onError(log))
  app.notFound(notFound)
  return app
}

/** One set of apps over core's routes and the plugins'; Hono takes no routes after its first request. */
export function createApps(hooks: Hooks, auth: Auth, core: CoreRoutes, log: Logger): Apps {
  const field = createField(bare(log))
  const open = new Hono<ApiEnv>()
  const api = new Hono<ApiEnv>()
  api.use('*', core.audit, requireLogin(auth))
  for (const routes of core.open) open.route('/', routes())
  for (const [path, routes] of core.api) api.route(path, routes())
  for (const routes of core.field) field.app.route('/', routes())
  const tables = [...core.operations]
  hooks.routes.call({ api, open, field, describe: (table) => void tables.push(table) })
  // Made when it is asked for: that takes 70 ms, which no start should wait for.
  let document: ReturnType<typeof openApiDocument> | undefined
  open.get('/api/v1/openapi.json', (c) => {
    document ??= openApiDocument(tables, core.version)
    return c.json(document)
  })
  const mutual = bare(log)
  for (const routes of core.mutual) mutual.route('/', routes())
  return { api: bare(log).route('/', open).route('/', api), field, mutual }
}
