// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Hono } from 'hono'
import { auditOperations } from '../core/audit/operations.ts'
import { createAudit } from '../core/audit/record-calls.ts'
import { auditRoutes } from '../core/audit/routes.ts'
import { type AuthSystem, createAuth } from '../core/auth/create-auth.ts'
import { userOperations } from '../core/auth/operations.ts'
import { userRoutes } from '../core/auth/routes.ts'
import { type Certificates, createCertificates } from '../core/certificates/certificates.ts'
import type { Clocks } from '../core/clock.ts'
import { createHooks, type Hooks } from '../core/hooks.ts'
import type { ApiEnv } from '../core/http/env.ts'
import { healthRoutes } from '../core/http/health.ts'
import { applianceOperations } from '../core/http/operations.ts'
import { createBook } from '../core/jobs/book.ts'
import { createEvidence, type Evidence } from '../core/jobs/evidence.ts'
import { createFeed } from '../core/jobs/feed.ts'
import { createJobs, type Jobs } from '../core/jobs/jobs.ts'
import { jobOperations } from '../core/jobs/operations.ts'
import type { JobParts } from '../core/jobs/parts.ts'
import { createRecipes } from '../core/jobs/recipes.ts'
import { jobRoutes } from '../core/jobs/routes.ts'
import { createRunner, type Runner } from '../core/jobs/runner.ts'
import { openTranscripts } from '../core/jobs/transcripts.ts'
import type { Logger } from '../core/log.ts'
import { createMachines, type Machines } from '../core/machines/machines.ts'
import { machineOperations } from '../core/machines/operations.ts'
import { machineRoutes } from '../core/machines/routes.ts'
import { createRegistry } from '../core/metrics/registry.ts'
import type { Plugin } from '../core/plugin.ts'
import type { Db } from '../core/store/client.ts'
import { readSetting, writeSetting } from '../core/store/settings.ts'
import { callOperations } from '../core/webhook/operations.ts'
import { bootedRoutes, machineRoutes as callRoutes } from '../core/webhook/routes.ts'
import type { Version } from '../schemas/version.ts'
import type { OwnAddresses } from './addresses.ts'
import { type Apps, type CoreRoutes, createApps } from './app.ts'
import { backupOperations, backupRoutes } from './backup/routes.ts'
import type { LoadedConfig } from './config.ts'
import { setUpPlugins } from './host.ts'
import { openKey } from './key.ts'
import { openStore } from './store.ts'

export interface ApplianceOptions extends Clocks {
  readonly config: Pick<LoadedConfig, 'core' | 'plugins'>
  /** Absolute; made when it is not there. */
  readonly dataDir: string
  readonly plugins: readonly Plugin[]
  readonly addresses: OwnAddresses
  readonly log: Logger
  readonly version: Version
  /** Absolute; goes into backups. */
  readonly configFile?: string
  /** The key of the database is lost for good: begin with a new one. */
  readonly acceptLostKey?: boolean
}

/** Everything but the listeners. Dispose it to end the runs and close what plugins opened. */
export interface Appliance extends AsyncDisposable {
  readonly apps: Apps
  readonly auth: AuthSystem
  readonly certificates: Certificates
  readonly db: Db
  readonly hooks: Hooks
  readonly jobs: Jobs
  readonly machines: Machines
  readonly runner: Runner
  readonly evidence: Evidence
  /** Opens what the plugins need; to be called once the listeners are open. */
  start(): Promise<void>
}

/** Files of a run that was killed are nobody's. */
async function freshTemporary(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const name of await readdir(folder)) {
    if (name.startsWith('.bun-')) continue // the unpacked database driver, kept between starts
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** A CA that is not the one of before: everybody who believes the old one will refuse us. */
async function tellNewCa(db: Db, fingerprint: string, log: Logger): Promise<void> {
  const known = await readSetting(db.read, 'ca_fingerprint')
  if (known === fingerprint) return
  if (typeof known === 'string') {
    log.warn(
      { ca_fingerprint: fingerprint, before: known },
      'the CA is a new one: machines under way refuse this appliance, and clients need the new CA (`slipway ca export`); put keys/ca.pem back if it was lost by mistake',
    )
  }
  await db.write((tx) => writeSetting(tx, 'ca_fingerprint', fingerprint))
}

/** Builds the appliance over its data folder. Throws when the folder, database or keys can not be used. */
export async function openAppliance(options: ApplianceOptions): Promise<Appliance> {
  const { dataDir, log, now, uptime, addresses } = options
  const { core: config } = options.config
  const taskIsoDir = join(dataDir, 'task-isos')
  await mkdir(taskIsoDir, { recursive: true, mode: 0o700 })
  await freshTemporary(join(dataDir, 'tmp'))
  await using opening = new AsyncDisposableStack()

  const certificates = await createCertificates({
    dir: join(dataDir, 'keys'),
    now,
    names: () => addresses.names(),
  })
  const opened = opening.use(
    await openStore({
      config: config.store,
      ...{ dataDir, plugins: options.plugins, version: options.version.version },
    }),
  )
  const audit = createAudit({ db: opened, log, now })
  const { db } = audit
  await tellNewCa(db, certificates.caFingerprint, log)
  const sealer = await openKey(db, dataDir, options.acceptLostKey ?? false)
  const metrics = createRegistry()
  const auth = await createAuth({
    ...{ db, now, metrics },
    config: config.auth,
    adminTokenFile: join(dataDir, 'admin.token'),
  })

  const hooks = createHooks()
  const feed = createFeed()
  const book = createBook({ db, hooks, feed, now })
  const recipes = createRecipes(hooks)
  const machines = createMachines({ db, sealer, now })
  const evidence = createEvidence({ db, hooks, feed, log, now, limits: config.limits })
  const transcripts = await openTranscripts(join(dataDir, 'transcripts'), log)
  opening.defer(() => transcripts.settled())
  const caPem = () => certificates.caPem
  const parts: JobParts = {
    ...{ db, hooks, book, recipes, machines, sealer, addresses, config, log, now, uptime },
    ...{ transcripts, taskIsoDir, caPem },
  }
  const jobs = createJobs(parts, evidence)
  const runner = createRunner(parts)
  hooks.changed.tap('runner', (job) => runner.wake(job.nextCheckAt))

  setUpPlugins(options.plugins, options.config.plugins, {
    ...{ hooks, jobs, machines, addresses, dataDir, db, metrics, sealer, log, now },
    auth: auth.auth,
    see: evidence.see,
  })

  const backup = {
    ...{ dataDir, now, version: options.version },
    ...{ databaseUrl: config.store.url, configFile: options.configFile, sealKeyId: sealer.keyId },
  }
  const calls = () => callRoutes(jobs, parts, evidence)
  const health = () => healthRoutes({ db, hooks, dataDir })
  const routes: CoreRoutes = {
    operations: [
      ...[jobOperations, machineOperations, userOperations, auditOperations],
      ...[callOperations, applianceOperations, backupOperations],
    ],
    version: options.version.version,
    audit: audit.calls,
    open: [
      health,
      calls,
      () =>
        new Hono<ApiEnv>()
          .get('/api/v1/ca.pem', (c) =>
            c.body(caPem(), 200, { 'Content-Type': 'application/x-pem-file' }),
          )
          .get('/api/v1/recipe.schema.json', (c) => c.json(recipes.schema())),
    ],
    api: new Map([
      ['/api/v1/jobs', () => jobRoutes(jobs, parts, feed)],
      ['/api/v1/machines', () => machineRoutes({ db, hooks, machines, log })],
      ['/api/v1/backup', () => backupRoutes(backup, auth.auth)],
      ['/api/v1/audit', () => auditRoutes({ db, auth: auth.auth })],
      ['/', () => userRoutes({ users: auth.users, auth: auth.auth })],
      ['/api/v1/version', () => new Hono<ApiEnv>().get('/', (c) => c.json(options.version))],
    ]),
    field: [health, () => bootedRoutes(parts, evidence), ...(config.webhook.plain ? [calls] : [])],
    mutual: [health, calls],
  }

  // Closed in reverse: the runs, then what plugins opened, then what they saw last, then the database.
  opening.defer(() => evidence.settled())
  const scope = opening.use(new AsyncDisposableStack())
  opening.defer(() => runner.stop())
  const closing = opening.move()
  return {
    apps: createApps(hooks, auth.auth, routes, log),
    ...{ auth, certificates, db, hooks, jobs, machines, runner, evidence },
    start: () => hooks.start.promise(scope),
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}
