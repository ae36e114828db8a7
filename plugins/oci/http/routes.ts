// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Hono } from 'hono'
import type { ListenerEnv } from '../../../core/http/context.ts'
import type { ApiEnv } from '../../../core/http/env.ts'
import { SECOND } from '../../../core/units.ts'
import type { Doorman } from '../access.ts'
import { errorResponse, ociFaults } from '../errors.ts'
import type { OciStore } from '../store.ts'
import { createBlobRoutes } from './blob-routes.ts'
import { type Call, json } from './call.ts'
import { type Resource, resourceOf } from './call-path.ts'
import { createListRoutes } from './list-routes.ts'
import { createManifestRoutes } from './manifest-routes.ts'
import { createUploadRoutes } from './upload-routes.ts'

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
type Route<K extends Resource['kind']> = (
  call: Call,
  resource: Extract<Resource, { kind: K }>,
) => Promise<Response>
type Table = { readonly [K in Resource['kind']]?: Partial<Record<Method, Route<K>>> }

function routeTable(store: OciStore): Table {
  const blobs = createBlobRoutes(store)
  const uploads = createUploadRoutes(store)
  const manifests = createManifestRoutes(store)
  const lists = createListRoutes(store)
  const base: Route<'base'> = async (call) => {
    await call.admit('pull')
    return json(call, {})
  }
  const blob: Route<'blob'> = (call, { repository, reference }) =>
    blobs.get(call, repository, reference)
  const status: Route<'upload'> = (call, { repository, reference }) =>
    uploads.status(call, repository, reference)
  const manifest: Route<'manifest'> = (call, { repository, reference }) =>
    manifests.get(call, repository, reference)
  const catalog: Route<'catalog'> = (call) => lists.catalog(call)
  const tags: Route<'tags'> = (call, { repository }) => lists.tags(call, repository)
  const referrers: Route<'referrers'> = (call, { repository, reference }) =>
    lists.referrers(call, repository, reference)
  const extensions: Route<'extensions'> = (call) => lists.extensions(call)
  return {
    base: { GET: base, HEAD: base },
    catalog: { GET: catalog, HEAD: catalog },
    extensions: { GET: extensions, HEAD: extensions },
    tags: { GET: tags, HEAD: tags },
    referrers: { GET: referrers, HEAD: referrers },
    manifest: {
      ...{ GET: manifest, HEAD: manifest },
      PUT: (call, { repository, reference }) => manifests.put(call, repository, reference),
      DELETE: (call, { repository, reference }) => manifests.remove(call, repository, reference),
    },
    blob: {
      ...{ GET: blob, HEAD: blob },
      DELETE: (call, { repository, reference }) => blobs.remove(call, repository, reference),
    },
    uploads: { POST: (call, { repository }) => uploads.begin(call, repository) },
    upload: {
      ...{ GET: status, HEAD: status },
      PATCH: (call, { repository, reference }) => uploads.append(call, repository, reference),
      PUT: (call, { repository, reference }) => uploads.finish(call, repository, reference),
      DELETE: (call, { repository, reference }) => uploads.cancel(call, repository, reference),
    },
  }
}

/** Path and query of a URL, without the cost of parsing the whole. */
function splitUrl(url: string): { path: string; query: string } {
  const start = url.indexOf('/', url.indexOf('//') + 2)
  const end = url.indexOf('?', start)
  return end < 0
    ? { path: url.slice(start), query: '' }
    : { path: url.slice(start, end), query: url.slice(end + 1) }
}

function readPath(path: string): Resource {
  try {
    const resource = resourceOf(path)
    if (resource) return resource
  } catch (cause) {
    throw ociFaults.nameInvalid('the path holds a broken percent escape', { cause })
  }
  throw ociFaults.notFound(`there is nothing at ${path.slice(0, 200)}`)
}

/** What a call was for, how it ended, and how long its answer took in seconds. */
export type Observe = (
  kind: Resource['kind'] | 'none',
  method: string,
  status: number,
  seconds: number,
) => void

/** Mounts everything below `/v2`; each route asks the doorman itself. */
export function mountRoutes(
  app: Hono<ApiEnv>,
  store: OciStore,
  doorman: Doorman,
  observe?: Observe,
): void {
  const table = routeTable(store)

  const dispatch = (
    request: Request,
    env: ListenerEnv,
    found: (kind: Resource['kind']) => void,
  ): Promise<Response> => {
    store.ready()
    const { path, query } = splitUrl(request.url)
    const resource = readPath(path)
    found(resource.kind)
    const methods = table[resource.kind]
    // one kind's routes take that kind: the compiler can not follow the pair
    const route = methods?.[request.method as Method] as Route<Resource['kind']> | undefined
    if (!route) {
      const allowed = Object.keys(methods ?? {}).join(', ')
      throw ociFaults.unsupported(`${request.method.slice(0, 20)} is not for this path`, {
        headers: { Allow: allowed },
      })
    }
    const call: Call = {
      request,
      query: new URLSearchParams(query),
      ...(env.clientPort
        ? {
            peer: {
              address: env.clientAddress ?? '',
              port: env.clientPort,
              isGone: () => request.signal.aborted,
            },
          }
        : {}),
      admit: (action, repository, digest, from) =>
        doorman.admit(request, env.clientAddress ?? '', {
          action,
          ...(repository === undefined ? {} : { repository }),
          ...(digest === undefined ? {} : { digest }),
          ...(from === undefined ? {} : { from }),
        }),
      keepOpen: () => env.keepOpen?.(),
    }
    return route(call, resource)
  }

  const handle = async (request: Request, env: ListenerEnv, requestId: string) => {
    const begun = performance.now()
    let kind: Resource['kind'] | 'none' = 'none'
    const respond = async () => {
      try {
        return await dispatch(request, env, (found) => {
          kind = found
        })
      } catch (error) {
        return errorResponse(error, { request, requestId, log: store.log })
      }
    }
    const response = await respond()
    observe?.(kind, request.method, response.status, (performance.now() - begun) / SECOND)
    return response
  }
  for (const path of ['/v2', '/v2/*']) {
    app.all(path, (c) => handle(c.req.raw, (c.env ?? {}) as ListenerEnv, c.get('requestId')))
  }
}
