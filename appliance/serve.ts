// SPDX-License-Identifier: AGPL-3.0-or-later
import { join, resolve } from 'node:path'
import { createLog, type Logger } from '../core/log.ts'
import { databasePath } from '../core/store/client.ts'
import { MINUTE } from '../core/units.ts'
import type { Version } from '../schemas/version.ts'
import { createAddresses, hostsOf, type OwnAddresses } from './addresses.ts'
import type { LoadedConfig } from './config.ts'
import { type Listeners, openListeners } from './listeners.ts'
import { lockDatabase, lockRemote } from './lock.ts'
import { type Appliance, openAppliance } from './open.ts'
import { ownDataFolder } from './own-data-folder.ts'
import { builtInPlugins } from './plugins.ts'
import { createNotifier } from './service/notify.ts'

export interface ServeOptions {
  readonly config: LoadedConfig
  readonly dataDir: string
  readonly version: Version
  /** The key of the database is lost for good: begin with a new one. */
  readonly acceptLostKey?: boolean
}

/** Resolves with the signal that asks us to end. */
const ended = () =>
  new Promise<string>((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })

/** Certificates end, addresses change and machines get base URLs of their own while we run. */
async function keepCertificates(
  appliance: Appliance,
  listeners: Listeners,
  addresses: OwnAddresses,
  log: Logger,
) {
  /** A listener could not take the new certificate: it is owed until it does. */
  let owed = false
  const look = async () => {
    addresses.learn(hostsOf(await appliance.machines.baseUrls()))
    owed = (await appliance.certificates.renew()) || owed
    if (!owed) return
    await listeners.renew()
    owed = false
    log.info('the server certificate was remade')
  }
  await look()
  const timer = setInterval(() => {
    look().catch((err: unknown) => log.error({ err }, 'the server certificate could not be remade'))
  }, MINUTE)
  return { [Symbol.dispose]: () => clearInterval(timer) }
}

/** Names that the configuration gives this box. */
function configuredNames({ core, plugins }: LoadedConfig): readonly string[] {
  const media = plugins['media'] as { readonly base_url?: string } | undefined
  const urls = [core.report.base_url, media?.base_url || []].flat(2)
  return [...core.server.names, ...hostsOf(urls)]
}

/**
 * Runs the appliance until SIGTERM or SIGINT; then ends the runs where they are and closes. Returns
 * the exit code. Throws faults that name what stands in the way: a taken port, a held folder, a bad key.
 */
export async function serve(options: ServeOptions): Promise<number> {
  const { config, dataDir, version, acceptLostKey = false } = options
  const signal = ended()
  const log = createLog(config.core.log.level)
  // Database, keys and task ISOs are nobody else's to read, whoever made the data folder.
  process.umask(0o077)
  await using scope = new AsyncDisposableStack()
  scope.use(await ownDataFolder(dataDir))
  const { url } = config.core.store
  const file = databasePath(url)
  if (file !== undefined) scope.use(await lockDatabase(file, dataDir))
  const addresses = createAddresses(configuredNames(config))
  const appliance = scope.use(
    await openAppliance({
      ...{ config, dataDir, addresses, log, version },
      ...(config.source ? { configFile: resolve(config.source) } : {}),
      acceptLostKey,
      plugins: builtInPlugins,
      now: Date.now,
      uptime: () => performance.now(),
    }),
  )
  if (url && file === undefined) scope.use(await lockRemote(appliance.db))
  const listeners = scope.use(await openListeners(appliance, config.core, addresses, log))
  await appliance.start()
  await appliance.runner.start()
  scope.use(await keepCertificates(appliance, listeners, addresses, log))
  const notifier = scope.use(createNotifier(process.env, log))
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
  notifier.ready(`serves ${listeners.open.map(({ url: at }) => at).join(', ')}`)
  log.info({ signal: await signal }, 'slipway ends; jobs under way go on at the next start')
  notifier.stopping()
  return 0
}
