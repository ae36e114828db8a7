// SPDX-License-Identifier: AGPL-3.0-or-later
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hono } from 'hono'
import {
  AsyncSeriesBailHook,
  AsyncSeriesHook,
  SyncBailHook,
  SyncHook,
  SyncWaterfallHook,
} from 'tapable'
import type { Recipe, TaskTarget } from '../schemas/recipe.ts'
import type { Principal } from './auth/auth.ts'
import type { ApiEnv } from './http/env.ts'
import type { OperationTable } from './http/operation.ts'
import type { Bmc, BmcWatch, MediaSlot } from './jobs/bmc.ts'
import type { ControllerIdentity, ControllerProfile } from './jobs/controller.ts'
import type { Job } from './jobs/job.ts'
import type { JobRun, Workflow } from './jobs/run.ts'
import type { Machine } from './machines/machine.ts'

/** Where a plugin mounts routes. Paths are absolute. */
export interface Routes {
  /** The HTTPS and loopback listeners; asks who is calling (GET: viewer, everything else: operator). */
  readonly api: Hono<ApiEnv>
  /** The HTTPS and loopback listeners; lets anyone in: the route does its own checking. */
  readonly open: Hono<ApiEnv>
  /** What BMCs and booting machines reach without TLS or login (`:8080`, `:8444`). */
  readonly field: FieldRoutes
  /** Tells what was mounted: it becomes part of `/api/v1/openapi.json`. */
  describe(table: OperationTable): void
}

/** Routes on `node:http`: the only server here whose streams keep their Content-Length. */
export interface FieldRoutes {
  readonly app: Hono<ApiEnv>
  /** Takes every request whose path begins with `prefix`, on the raw response. */
  raw(prefix: string, handler: (request: IncomingMessage, response: ServerResponse) => void): void
}

/** A job before it has a row. Taps may replace parts of the recipe by what they pinned. */
export interface Submission {
  recipe: Recipe
  readonly workflow: Workflow
  readonly machine: Machine
  readonly dryRun: boolean
  /** Who asks for it. */
  readonly by: Principal
  /** Id that the job will have; absent in a dry run. Others may still be in its way, and it never gets a row. */
  readonly jobId?: string
  /** Said to the submitter and kept in the job's log. */
  readonly warnings: string[]
}

/** Something seen, not answered: a read of our media, a claim, a report. */
export interface Sighting {
  readonly job: string
  /** Of media: `fetched` before power on was begun, `read` after it, `stage` when that told a region. */
  readonly level: 'fetched' | 'read' | 'stage' | 'claimed' | 'reported' | 'booted' | 'pulled'
  readonly detail: string
  readonly slot?: MediaSlot
  /** Named region of the image: `volume descriptor`, `boot catalog`, `EFI image`, `kernel`, `files`. */
  readonly region?: string
  /** Distinct bytes of that slot's image read so far. */
  readonly bytes?: number
  /** Of that slot's image, or of what is pulled, 0–100. */
  readonly percent?: number
  /** Of what is pulled. */
  readonly totalBytes?: number
  /** It moves the progress of the job and is no line of its story. */
  readonly passing?: boolean
  /** The read touched bytes that nobody had read before; it moves the deadline of the claim. */
  readonly fresh?: boolean
  /** Address of the reader. */
  readonly from?: string
}

/** Every point where a plugin can join in. Core calls them, plugins tap them. */
export function createHooks() {
  return Object.freeze({
    /** Open what the plugin needs; what it adds to its `scope` is closed in reverse order. */
    start: new AsyncSeriesHook<[AsyncDisposableStack]>(['scope'], 'start'),
    /** Mount routes. Called again for a new app whenever the plugins change. */
    routes: new SyncHook<[Routes]>(['routes'], 'routes'),
    /** Throws when the plugin can not serve just now; `/readyz` says which and why. */
    ready: new AsyncSeriesHook<[]>([], 'ready'),
    /** Name the task targets one knows: the published schema is the union of their parts. */
    targets: new SyncWaterfallHook<[readonly TaskTarget[]]>(['targets'], 'targets'),
    /** Who knows this task target? First answer wins. */
    workflow: new SyncBailHook<[TaskTarget], Workflow | undefined>(['target'], 'workflow'),
    /** A job or its dry run comes in: pin references, store payloads, or throw to refuse. */
    submit: new AsyncSeriesHook<[Submission]>(['submission'], 'submit'),
    /** Who can talk to this machine? First answer wins; the run closes it. */
    bmc: new AsyncSeriesBailHook<[Machine, BmcWatch], Bmc | undefined>(['machine', 'watch'], 'bmc'),
    /** Who knows this family of controllers? Plugins from outside are asked first. */
    profile: new SyncBailHook<[ControllerIdentity], ControllerProfile | undefined>(
      ['identity'],
      'profile',
    ),
    /** Make the media. Fills `run.media` and `run.imageUrls`. Throws to fail the job. */
    prepare: new AsyncSeriesHook<[JobRun]>(['run'], 'prepare'),
    /** Something of a job was seen. For watchers only. */
    seen: new SyncHook<[Sighting]>(['sighting'], 'seen'),
    /** A job row changed. For watchers only: nothing here can alter the job. */
    changed: new SyncHook<[Job]>(['job'], 'changed'),
  })
}

export type Hooks = ReturnType<typeof createHooks>

/** A hook as a plugin sees it: it can be tapped, not called, and async hooks only with promises. */
type Tappable<H> = H extends { tapPromise: unknown }
  ? Pick<H, 'tapPromise'>
  : H extends { tap: unknown }
    ? Pick<H, 'tap'>
    : never

export type TappableHooks = { readonly [K in keyof Hooks]: Tappable<Hooks[K]> }
