// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { definePlugin } from '../../core/plugin.ts'
import { createAccessSystem } from './access/access-system.ts'
import { createCare } from './care/care.ts'
import { careOperations } from './care/care-operations.ts'
import { mountCare } from './care/care-routes.ts'
import { ociCommands } from './commands.ts'
import { OciConfig } from './config.ts'
import { mountRoutes } from './http/routes.ts'
import { createStore, type OciStore } from './store.ts'
import { createRegistryAudit } from './watch/watch-audit.ts'
import { watchMetrics } from './watch/watch-metrics.ts'
import { createEventWebhook } from './watch/watch-webhook.ts'

export type { Access, Doorman, OciAction } from './access.ts'
export { checkOffline } from './care/fsck-offline.ts'
export { streamBlob } from './client/blob-stream.ts'
export { type Descriptor, type Manifest, parseManifest } from './client/manifest.ts'
export { patiently } from './client/patience.ts'
export { Registry } from './client/registry.ts'
export { createTransport } from './client/transport.ts'
export type { OciStore } from './store.ts'
export type { OciEvent } from './watch/events.ts'

const NAME = 'oci'

/** An OCI registry under `/v2`. */
export const oci = definePlugin({
  name: NAME,
  config: OciConfig,
  commands: ociCommands,
  migrations: join(import.meta.dir, 'migrations'),
  setup(host, config) {
    const { hooks } = host
    // Not before an appliance runs: a command sets plugins up without a database.
    const build = () => {
      const { db, log, metrics, now, dataDir: root } = host
      const audit = createRegistryAudit({ db, log, now })
      const access = createAccessSystem(host, config, audit.denied)
      const store = createStore({ db, root, config, log, now })
      const care = createCare(store, host.jobs)
      store.onEvent(access.watch)
      store.onRecord(audit.record)
      return { access, audit, store, care, observe: watchMetrics(metrics, store, care) }
    }
    /** Tells of events for as long as the appliance runs. */
    const openWebhook = async (store: OciStore, scope: AsyncDisposableStack) => {
      const { events_url: url, events_token: token } = config
      if (url === '') return
      const { db, log, metrics, now } = host
      const webhook = scope.use(createEventWebhook({ db, url, token, log, metrics, now }))
      await webhook.open()
      store.onRecord(webhook.record)
      store.onEvent(webhook.watch)
      store.quota.onRefused(webhook.quota)
    }
    let built: ReturnType<typeof build> | undefined
    const parts = () => {
      built ??= build()
      return built
    }
    hooks.start.tapPromise(NAME, async (scope) => {
      const { store, access, audit, care } = parts()
      scope.defer(audit.settled)
      await access.open(scope)
      await store.open(scope)
      await openWebhook(store, scope)
      await care.open(scope)
    })
    hooks.ready.tapPromise(NAME, async () => parts().store.ready())
    hooks.submit.tapPromise(NAME, (submission) => parts().access.jobs.submit(submission))
    hooks.prepare.tapPromise(NAME, (run) => parts().access.jobs.prepare(run))
    hooks.changed.tap(NAME, (job) => parts().access.jobs.changed(job))
    hooks.routes.tap(NAME, (routes) => {
      const { store, access, care, observe } = parts()
      access.mount(routes)
      routes.describe(careOperations)
      mountCare(routes.api, store, care, { auth: host.auth, maySee: access.maySee })
      mountRoutes(routes.open, store, access.doorman, observe)
    })
  },
})
