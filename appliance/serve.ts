// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createLog, type Logger } from '../core/log.ts'
import { HOUR } from '../core/units.ts'
import { createAddresses, hostsOf } from './addresses.ts'
import type { LoadedConfig } from './config.ts'
import { type Listeners, openListeners } from './listeners.ts'
import { lockFolder, lockRemote } from './lock.ts'
import { type Appliance, openAppliance } from './open.ts'
import { builtInPlugins } from './plugins.ts'
import type { Version } from './version.ts'

export interface ServeOptions {
  readonly config: LoadedConfig
  readonly dataDir: string
  readonly version: Version
}

/** Resolves with the signal that asks us to end. */
const ended = () =>
  new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })

/** Certificates end and addresses change while we run. */
function keepCertificates(appliance: Appliance, listeners: Listeners, log: Logger) {
  const look = async () => {
    if (!(await appliance.certificates.renew())) return
    await listeners.renew()
    log.info('the server certificate was remade')
  }
  const timer = setInterval(() => {
    look().catch((err: unknown) => log.error({ err }, 'the server certificate could not be remade'))
  }, HOUR)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/**
 * Runs the appliance until SIGTERM or SIGINT; then ends the runs where they are and closes. Returns
 * the exit code. Throws faults that name what stands in the way: a taken port, a held folder, a bad key.
 */
export async function serve({ config, dataDir, version }: ServeOptions): Promise<number> {
  const signal = ended()
  const log = createLog(config.core.log.level)
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  await using scope = new AsyncDisposableStack()
  scope.use(await lockFolder(dataDir))
  const addresses = createAddresses([
    ...config.core.server.names,
    ...hostsOf([config.core.report.base_url].flat()),
  ])
  const appliance = scope.use(
    await openAppliance({
      ...{ config, dataDir, addresses, log, version },
      plugins: builtInPlugins,
      now: Date.now,
    }),
  )
  const { url } = config.core.store
  if (url && !url.startsWith('file:')) scope.use(await lockRemote(appliance.db))
  const listeners = scope.use(await openListeners(appliance, config.core, addresses, log))
  await appliance.start()
  await appliance.runner.start()
  scope.use(keepCertificates(appliance, listeners, log))
  log.info(
    {
      version: version.version,
      commit: version.commit,
      data: dataDir,
      config: config.source ?? 'none: defaults',
      listeners: Object.fromEntries(listeners.open.map(({ name, url: at }) => [name, at])),
      ca_fingerprint: appliance.certificates.caFingerprint,
      admin_token_file: join(dataDir, 'admin.token'),
    },
    'slipway is ready',
  )
  log.info({ signal: await signal }, 'slipway ends; jobs under way go on at the next start')
  return 0
}
