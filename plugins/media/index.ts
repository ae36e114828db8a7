// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Job } from '../../core/jobs/job.ts'
import { definePlugin } from '../../core/plugin.ts'
import { version } from '../../core/version.ts'
import { takeConfiguredIso } from './configured-iso.ts'
import { createEvidence } from './evidence.ts'
import { mediaFaults } from './faults.ts'
import { Sha256 } from './maintenance-record.ts'
import { mountMaintenance } from './maintenance-routes.ts'
import { createMaintenanceStore } from './maintenance-store.ts'
import { mediaOperations } from './operations.ts'
import { composeBoot, prepareMedia } from './prepare.ts'
import { createMediaServer, MEDIA_PREFIX } from './serve.ts'
import { createTokenLookup } from './token-lookup.ts'

const NAME = 'media'

const isPathOrUrl = (source: string) => !/^https?:/.test(source) || URL.canParse(source)

const MediaConfig = v.strictObject({
  base_url: v.pipe(
    v.optional(v.union([v.literal(''), v.pipe(v.string(), v.regex(/^https?:\/\/\S+$/))]), ''),
    v.description('where BMCs fetch images; default: our address towards each of them'),
  ),
  maintenance_iso: v.pipe(
    v.optional(v.pipe(v.string(), v.check(isPathOrUrl, 'is neither a path nor a URL')), ''),
    v.description('path or http(s) URL of the maintenance ISO; taken at start when it is new'),
  ),
  maintenance_sha256: v.pipe(
    v.optional(v.union([v.literal(''), Sha256]), ''),
    v.description('sha256 that it must have'),
  ),
})

/** Nothing of the job will be asked for any more, not even by a cleanup that is tried again. */
const isOver = (job: Job | undefined) =>
  job === undefined || (job.status === 'complete' && job.cleanup !== 'pending')

/** Serves the images of jobs to BMCs, tells what they read, and keeps the maintenance ISO. */
export const media = definePlugin({
  name: NAME,
  after: ['iso'],
  config: MediaConfig,
  setup(host, config) {
    const { hooks, jobs, log, now } = host
    const tokens = createTokenLookup(jobs, now)
    const evidence = createEvidence({ see: host.see, now })
    const server = createMediaServer({ tokens, evidence, log })
    const store = createMaintenanceStore(host.dataDir, now, version)
    let configured: ReturnType<typeof takeConfiguredIso> | undefined

    hooks.start.tapPromise(NAME, async (scope) => {
      await store.open(async (jobId) => isOver(await jobs.get(jobId)))
      const stop = new AbortController()
      const { maintenance_iso: source, maintenance_sha256: sha256 } = config
      const signal = stop.signal
      configured = takeConfiguredIso({ source, sha256, folder: host.dataDir, store, log, signal })
      scope.defer(async () => {
        evidence.flush()
        stop.abort()
        await configured?.done
      })
    })

    hooks.routes.tap(NAME, ({ api, field, describe }) => {
      describe(mediaOperations)
      field.raw(MEDIA_PREFIX, server.handle)
      mountMaintenance(api, store, version)
    })

    hooks.prepare.tapPromise(NAME, async (run) => {
      await run.step('media.prepare', () =>
        prepareMedia(run, {
          store,
          configured: async () => configured?.firstAttempt,
          baseUrl: config.base_url,
          addresses: host.addresses,
        }),
      )
      await composeBoot(run)
    })

    hooks.changed.tap(NAME, (job) => {
      tokens.changed(job.id)
      if (!job.mediaValid) server.cut(job.id)
      if (!job.mediaValid || isOver(job)) evidence.forget(job.id)
      if (!isOver(job)) return
      store
        .release(job.id)
        .catch((err: unknown) => log.error({ err, job: job.id }, 'an old image was not deleted'))
    })

    hooks.ready.tapPromise(NAME, async () => {
      await store.check()
      const missing = configured?.missing()
      if (missing !== undefined) throw mediaFaults.source(missing)
    })
  },
})
