// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { definePlugin } from '../../core/plugin.ts'
import { createAccessSystem } from './access-system.ts'
import { createCare } from './care.ts'
import { careOperations } from './care-operations.ts'
import { mountCare } from './care-routes.ts'
import { ociCommands } from './commands.ts'
import { OciConfig } from './config.ts'
import { mountRoutes } from './routes.ts'
import { createStore } from './store.ts'

export type { Access, Doorman, OciAction } from './access.ts'
export { streamBlob } from './client/blob-stream.ts'
export { type Descriptor, type Manifest, parseManifest } from './client/manifest.ts'
export { patiently } from './client/patience.ts'
export { Registry } from './client/registry.ts'
export { createTransport } from './client/transport.ts'
export type { OciEvent } from './events.ts'
export type { OciStore } from './store.ts'

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
      const { db, log, now, dataDir: root } = host
      const access = createAccessSystem(host, config)
      const store = createStore({ db, root, config, log, now })
      store.onEvent(access.watch)
      return { access, store, care: createCare(store, host.jobs) }
    }
    let built: ReturnType<typeof build> | undefined
    const parts = () => {
      built ??= build()
      return built
    }
    hooks.start.tapPromise(NAME, async (scope) => {
      const { store, access, care } = parts()
      await access.open(scope)
      await store.open(scope)
      await care.open(scope)
    })
    hooks.ready.tapPromise(NAME, async () => parts().store.ready())
    hooks.submit.tapPromise(NAME, (submission) => parts().access.jobs.submit(submission))
    hooks.prepare.tapPromise(NAME, (run) => parts().access.jobs.prepare(run))
    hooks.changed.tap(NAME, (job) => parts().access.jobs.changed(job))
    hooks.routes.tap(NAME, (routes) => {
      const { store, access, care } = parts()
      access.mount(routes)
      routes.describe(careOperations)
      mountCare(routes.api, store, care, host.auth)
      mountRoutes(routes.open, store, access.doorman)
    })
  },
})
