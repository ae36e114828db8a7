// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { definePlugin } from '../../core/plugin.ts'
import { createDoorman, type Doorman } from './access.ts'
import { ociCommands } from './commands.ts'
import { OciConfig } from './config.ts'
import { mountRoutes } from './routes.ts'
import { createStore, type OciStore } from './store.ts'

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
    let opened: { readonly store: OciStore; readonly doorman: Doorman } | undefined
    const parts = () => {
      const { db, log, now, dataDir: root } = host
      opened ??= {
        store: createStore({ db, root, config, log, now }),
        doorman: createDoorman(host.auth),
      }
      return opened
    }
    hooks.start.tapPromise(NAME, (scope) => parts().store.open(scope))
    hooks.ready.tapPromise(NAME, async () => parts().store.ready())
    hooks.routes.tap(NAME, ({ open }) => {
      const { store, doorman } = parts()
      mountRoutes(open, store, doorman)
    })
  },
})
