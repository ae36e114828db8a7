// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import * as v from 'valibot'
import type { Auth, Principal } from '../../../core/auth/auth.ts'
import type { ApiEnv } from '../../../core/http/env.ts'
import { fromCursor, limitOf, onlyQuery, toCursor, wordOf } from '../../../core/http/query.ts'
import { checked, parseJson, readBody, readJson } from '../../../core/http/read-json.ts'
import { MiB } from '../../../core/units.ts'
import {
  OciFsckRequest,
  OciGcRequest,
  type OciGcStatus,
  OciPlanRequest,
  OciQuotaRequest,
  type OciQuotas,
  type OciRepository,
  OciRescanRequest,
  OciRetentionRequest,
  OciRollbackRequest,
  OciScrubRequest,
  type OciScrubStatus,
  type OciTask,
} from '../../../schemas/oci-admin.ts'
import type { OciAction } from '../../../schemas/oci-policy.ts'
import { isRepositoryName } from '../store/names.ts'
import type { OciStore } from '../store.ts'
import type { Care, Held } from './care.ts'
import { type Eyes, findingsFor, statusFor, taskFor } from './care-eyes.ts'
import { careFaults } from './care-faults.ts'
import { removeRepository } from './care-remove.ts'
import { watchTask } from './care-task-events.ts'
import {
  inspect,
  percentOf,
  repositoriesAfter,
  repositoryView,
  tagsAfter,
  uploadView,
} from './care-views.ts'
import { planRetention } from './retention-plan.ts'
import { historyOf, rollBack } from './tag-history.ts'

export const CARE_PATH = '/api/v1/oci'

type Ctx = Context<ApiEnv>

const Cursor = v.string()

/** A body may be left out where nothing in it has to be said. */
async function readOptional<S extends v.GenericSchema<unknown, unknown>>(c: Ctx, schema: S) {
  const bytes = await readBody(c, MiB)
  return checked(schema, bytes.length === 0 ? {} : parseJson(bytes))
}

const by = (c: Ctx) => c.get('principal').name

const time = (at: number) => new Date(at).toISOString()

/** Throws `oci-care.not-found` for what can not be the name of a repository. */
function nameOf(c: Ctx): string {
  const name = c.req.param('name') ?? ''
  if (isRepositoryName(name)) return name
  throw careFaults.notFound(`${name.slice(0, 100)} can not be the name of a repository`)
}

/** What a page shows, and the cursor to the next. */
function paged<T>(found: readonly T[], limit: number, keyOf: (one: T) => string) {
  const shown = found.slice(0, limit)
  const last = shown.at(-1)
  const more = found.length > limit && last !== undefined
  return { shown, ...(more ? { next_cursor: toCursor(keyOf(last)) } : {}) }
}

function pageOf(c: Ctx): { limit: number; after: string } {
  const cursor = fromCursor(c)
  return {
    limit: limitOf(c),
    after: cursor === undefined ? '' : checked(Cursor, cursor, 'the cursor'),
  }
}

/** May this caller see so much of a repository? */
export type MaySee = (principal: Principal, action: OciAction, repository: string) => boolean

function repositoryRoutes(app: Hono<ApiEnv>, store: OciStore, maySee: MaySee): void {
  /** What policies hide is as if it were not there. */
  const seen: MiddlewareHandler<ApiEnv> = async (c, next) => {
    const name = c.req.param('name') ?? ''
    const action = c.req.path.split('/')[6] === 'manifests' ? 'pull' : 'list'
    if (!maySee(c.get('principal'), action, name)) {
      throw careFaults.notFound(`there is no repository ${name.slice(0, 200)}`)
    }
    await next()
  }
  app.use('/repositories/:name', seen)
  app.use('/repositories/:name/*', seen)
  app.get('/repositories', async (c) => {
    onlyQuery(c, ['limit', 'cursor', 'prefix'])
    const { limit, after } = pageOf(c)
    const prefix = c.req.query('prefix') ?? ''
    const found: OciRepository[] = []
    for (let from = after; found.length <= limit; ) {
      const some = await repositoriesAfter(store, { after: from, prefix, limit: limit + 1 })
      found.push(...some.filter(({ name }) => maySee(c.get('principal'), 'list', name)))
      const last = some.at(-1)
      if (!last || some.length <= limit) break
      from = last.name
    }
    const { shown, ...next } = paged(found, limit, ({ name }) => name)
    return c.json({ repositories: shown, ...next })
  })
  app.get('/repositories/:name', async (c) => c.json(await repositoryView(store, nameOf(c))))
  app.delete('/repositories/:name', async (c) =>
    c.json(await removeRepository(store, nameOf(c), by(c))),
  )
  app.get('/repositories/:name/tags', async (c) => {
    onlyQuery(c, ['limit', 'cursor'])
    const { limit, after } = pageOf(c)
    const repository = nameOf(c)
    if (!(await store.repositories.find(repository))) {
      throw careFaults.notFound(`there is no repository ${repository}`)
    }
    const found = await tagsAfter(store, repository, { after, limit: limit + 1 })
    const { shown, ...next } = paged(found, limit, ({ tag }) => tag)
    return c.json({ repository, tags: shown, ...next })
  })
  app.get('/repositories/:name/manifests/:reference', async (c) =>
    c.json(await inspect(store, nameOf(c), c.req.param('reference'))),
  )
  app.get('/repositories/:name/tags/:tag/history', async (c) =>
    c.json(await historyOf(store, nameOf(c), c.req.param('tag'))),
  )
  app.post('/repositories/:name/tags/:tag/rollback', async (c) => {
    const { to } = await readOptional(c, OciRollbackRequest)
    return c.json(
      await rollBack(store, { repository: nameOf(c), name: c.req.param('tag') }, to, by(c)),
    )
  })
}

function uploadRoutes(app: Hono<ApiEnv>, { uploads, config }: OciStore, maySee: MaySee): void {
  app.get('/uploads', (c) => {
    onlyQuery(c, ['limit', 'cursor'])
    const { limit, after } = pageOf(c)
    const found = uploads
      .list()
      .toSorted((a, b) => (a.id < b.id ? -1 : 1))
      .filter(({ id, repository }) => id > after && maySee(c.get('principal'), 'list', repository))
    const { shown, ...next } = paged(found, limit, ({ id }) => id)
    return c.json({ uploads: shown.map((one) => uploadView(one, config.upload_ttl_ms)), ...next })
  })
  app.delete('/uploads/:id', async (c) => {
    const id = c.req.param('id')
    const upload = uploads.list().find((one) => one.id === id)
    if (!upload) throw careFaults.notFound(`there is no upload ${id.slice(0, 64)}`)
    await uploads.cancel(upload.repository, id)
    return c.body(null, 204)
  })
}

/** What collection and scrub have in common. */
async function heldView(held: Held, running: OciTask | undefined) {
  const pausedBy = await held.pause.reason()
  const next = held.schedule.nextAt()
  return {
    paused: pausedBy !== undefined,
    ...(next === undefined ? {} : { next_run_at: time(next) }),
    ...(running ? { running } : {}),
    pausedBy,
  }
}

/** What whoever called may see. */
type EyesOf = (c: Ctx) => Eyes

function gcRoutes(app: Hono<ApiEnv>, store: OciStore, care: Care, eyesOf: EyesOf): void {
  const status = async (): Promise<OciGcStatus> => {
    const { pausedBy, ...view } = await heldView(care.gc, care.tasks.running('gc'))
    const last = care.lastGc()
    return {
      ...view,
      ...(pausedBy ? { paused_by: pausedBy } : {}),
      grace_seconds: Math.floor(store.config.gc_grace_ms / 1_000),
      untagged: store.config.gc_untagged,
      ...(last ? { last } : {}),
    }
  }
  app.get('/gc', async (c) => c.json(statusFor(eyesOf(c), await status())))
  app.post('/gc', async (c) =>
    c.json(care.startGc(await readOptional(c, OciGcRequest), by(c)), 202),
  )
  for (const [word, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post(`/gc/${word}`, async (c) => {
      await care.gc.byHand.set(paused)
      return c.json(await status())
    })
  }
}

function scrubRoutes(app: Hono<ApiEnv>, store: OciStore, care: Care, eyesOf: EyesOf): void {
  const status = async (): Promise<OciScrubStatus> => {
    const { pausedBy: _, ...view } = await heldView(care.scrub, care.tasks.running('scrub'))
    const { after, checked: count, checkedBytes } = care.scrub.position()
    const lastFullAt = care.scrub.lastFullAt()
    return {
      ...view,
      ...(after === '' ? {} : { position: after }),
      ...{ checked: count, checked_bytes: checkedBytes },
      open_findings: await care.findings.openCount(),
      ...(lastFullAt === 0 ? {} : { last_full_at: time(lastFullAt) }),
      rate_bytes_per_second: store.config.scrub_bytes_per_second,
    }
  }
  app.get('/scrub', async (c) => c.json(statusFor(eyesOf(c), await status())))
  app.post('/scrub', async (c) => {
    const { from_start: fromStart } = await readOptional(c, OciScrubRequest)
    return c.json(care.startScrub(fromStart ? 'all' : 'rest', by(c)), 202)
  })
  for (const [word, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post(`/scrub/${word}`, async (c) => {
      await care.scrub.byHand.set(paused)
      return c.json(await status())
    })
  }
  app.get('/findings', async (c) => {
    onlyQuery(c, ['state', 'limit'])
    const state = wordOf(c, 'state', ['open', 'repaired'])
    const filter = { limit: limitOf(c), ...(state ? { state } : {}) }
    return c.json({ findings: findingsFor(eyesOf(c), await care.findings.list(filter)) })
  })
  app.post('/fsck', async (c) => {
    const { content = true, repair = false } = await readOptional(c, OciFsckRequest)
    return c.json(care.startFsck({ content, repair }, by(c)), 202)
  })
  app.post('/rescan', async (c) => {
    const { repository } = await readOptional(c, OciRescanRequest)
    return c.json(care.startRescan(repository, by(c)), 202)
  })
  app.post('/rebuild', (c) => c.json(care.startRebuild(by(c)), 202))
}

function ruleRoutes(app: Hono<ApiEnv>, store: OciStore, care: Care): void {
  const { rules, quota, watermark } = store
  const quotas = async (): Promise<OciQuotas> => {
    const [uses, space] = await Promise.all([quota.uses(), watermark.space()])
    return {
      quotas: uses.map((use, position) => ({
        ...{ repositories: use.repositories, limit_bytes: use.limitBytes },
        ...{ used_bytes: use.usedBytes, percent: percentOf(use) },
        source: rules.quotaSource(position),
      })),
      disk: {
        ...{ total_bytes: space.totalBytes, free_bytes: space.freeBytes },
        reserve_bytes: space.reserveBytes,
        full: space.freeBytes <= space.reserveBytes,
      },
    }
  }
  app.get('/retention', (c) => c.json(rules.retentionView()))
  app.put('/retention', async (c) => {
    const request = await readJson(c, OciRetentionRequest)
    await rules.setRetention(request.rules, request.immutable)
    return c.json(rules.retentionView())
  })
  app.post('/retention/plan', async (c) => {
    const request = await readOptional(c, OciPlanRequest)
    return c.json(await planRetention(store, request.rules ?? rules.retention()))
  })
  app.post('/retention/apply', (c) => c.json(care.startRetention(by(c)), 202))
  app.get('/quota', async (c) => c.json(await quotas()))
  app.put('/quota', async (c) => {
    await rules.setQuotas((await readJson(c, OciQuotaRequest)).quotas)
    return c.json(await quotas())
  })
}

function taskRoutes(app: Hono<ApiEnv>, { tasks }: Care, eyesOf: EyesOf): void {
  const existing = (c: Ctx): OciTask => {
    const id = c.req.param('id') ?? ''
    const task = tasks.get(id)
    if (task) return task
    throw careFaults.notFound(`there is no task ${id.slice(0, 64)}`)
  }
  app.get('/tasks', (c) => {
    const eyes = eyesOf(c)
    return c.json({ tasks: tasks.list().map((task) => taskFor(eyes, task)) })
  })
  app.get('/tasks/:id', (c) => c.json(taskFor(eyesOf(c), existing(c))))
  app.delete('/tasks/:id', (c) => {
    tasks.cancel(existing(c).id)
    return c.json(existing(c), 202)
  })
  app.get('/tasks/:id/events', (c) => {
    const eyes = eyesOf(c)
    return watchTask(c, tasks, existing(c).id, (task) => taskFor(eyes, task))
  })
}

/** `/api/v1/oci`: reading asks for a viewer, everything else for an admin. */
export function mountCare(
  api: Hono<ApiEnv>,
  store: OciStore,
  care: Care,
  { auth, maySee }: { readonly auth: Auth; readonly maySee: MaySee },
): void {
  const app = new Hono<ApiEnv>()
  const adminChanges: MiddlewareHandler<ApiEnv> = async (c, next) => {
    if (!['GET', 'HEAD'].includes(c.req.method)) auth.require(c.get('principal'), 'admin')
    store.ready()
    await next()
  }
  app.use(adminChanges)
  repositoryRoutes(app, store, maySee)
  uploadRoutes(app, store, maySee)
  const eyesOf: EyesOf = (c) => {
    const principal = c.get('principal')
    return {
      all: principal.role === 'admin',
      mayList: (repository) => maySee(principal, 'list', repository),
    }
  }
  gcRoutes(app, store, care, eyesOf)
  scrubRoutes(app, store, care, eyesOf)
  ruleRoutes(app, store, care)
  taskRoutes(app, care, eyesOf)
  api.route(CARE_PATH, app)
}
