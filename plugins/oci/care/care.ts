// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Jobs } from '../../../core/jobs/jobs.ts'
import type { OciGcRequest, OciTask } from '../../../schemas/oci-admin.ts'
import { OciGcReport } from '../../../schemas/oci-report.ts'
import type { OciStore } from '../store.ts'
import { unverified } from '../tables.ts'
import { installGuards } from './care-guards.ts'
import { createPause, type Pause } from './care-pause.ts'
import { createSchedule, type Schedule } from './care-schedule.ts'
import { createFact, type Fact } from './care-state.ts'
import { createTasks, type Tasks } from './care-tasks.ts'
import { fsck, repositoryNames } from './fsck.ts'
import { inspectLayout } from './fsck-layout.ts'
import { type CollectOptions, createCollector } from './gc.ts'
import { rescan } from './rescan.ts'
import { findLayouts } from './rescan-walk.ts'
import { applyRetention } from './retention-plan.ts'
import { createScrub, type Extent, type Scrub } from './scrub.ts'
import { createFindings, type Findings } from './scrub-findings.ts'
import { fsckParts, mendingVerdicts, reportingVerdicts } from './scrub-verdicts.ts'

/** Work that can be held up by hand or for jobs. */
export interface Held {
  readonly pause: Pause
  readonly byHand: Fact<boolean>
  readonly schedule: Schedule
}

/** Those who take care of the store: collector, retention, scrub and checks, each as a task. */
export interface Care {
  readonly tasks: Tasks
  readonly gc: Held
  readonly scrub: Held & Pick<Scrub, 'position' | 'lastFullAt'>
  readonly findings: Findings
  /** The report of the last collection that was no dry run. */
  lastGc(): OciGcReport | undefined
  startGc(request: OciGcRequest, by: string): OciTask
  startRetention(by: string): OciTask
  startScrub(extent: Extent, by: string): OciTask
  startFsck(options: { readonly content: boolean; readonly repair: boolean }, by: string): OciTask
  startRescan(repository: string | undefined, by: string): OciTask
  startRebuild(by: string): OciTask
  /** After the store: starts what comes by itself. What it adds to `scope` stops it. */
  open(scope: AsyncDisposableStack): Promise<void>
}

export function createCare(store: OciStore, jobs: Pick<Jobs, 'count'>): Care {
  const { config, db, log, now } = store
  const tasks = createTasks(log, now)
  const findings = createFindings(db, now)

  const jobsRun = async (): Promise<boolean> => {
    if (!config.gc_waits_for_jobs) return false
    const counts = await jobs.count()
    return counts.some(({ status, count }) => status === 'provisioning' && count > 0)
  }
  const heldBy = (name: string, everyMs: number, start: () => void): Held => {
    const byHand = createFact(db, `${name}.paused`, v.boolean(), false)
    const pause = createPause({ byHand: byHand.get, jobsRun })
    return { byHand, pause, schedule: createSchedule(everyMs, start, now) }
  }
  /** What comes by itself waits for its next turn when a person has started the same. */
  const unlessRunning = (kind: OciTask['kind'], start: () => void) => () => {
    if (!tasks.running(kind)) start()
  }

  const gc = heldBy(
    'gc',
    config.gc_every_ms,
    unlessRunning('gc', () => void care.startGc({}, 'schedule')),
  )
  const scrubHeld = heldBy(
    'scrub',
    config.scrub_every_ms,
    unlessRunning('scrub', () => void care.startScrub('rest', 'schedule')),
  )
  const retention = createSchedule(
    config.retention_every_ms,
    unlessRunning('retention', () => {
      if (store.rules.retention().length > 0) care.startRetention('schedule')
    }),
    now,
  )
  const collector = createCollector(store, gc.pause)
  const scrub = createScrub(store, findings, scrubHeld.pause)
  const lastGc = createFact(db, 'gc.last', v.optional(OciGcReport), undefined)

  const collectOptions = (request: OciGcRequest): CollectOptions => ({
    dryRun: request.dry_run ?? false,
    graceMs:
      request.grace_seconds === undefined ? config.gc_grace_ms : request.grace_seconds * 1_000,
    untagged: request.untagged ?? config.gc_untagged,
    orphans: config.gc_orphans,
    earlier: config.tag_history_holds,
    history: config.tag_history,
  })

  /** A lost database: the layouts on the disk say what was in it. */
  const rebuildIfLost = async (): Promise<void> => {
    if ((await repositoryNames(store)).length > 0) return
    const { layouts } = await findLayouts(store.paths)
    if (layouts.length === 0) return
    log.warn(
      { layouts: layouts.length },
      'the database knows no repository, and the disk holds some: they are taken over',
    )
    const run = { signal: new AbortController().signal, progress: () => undefined }
    const { repositories, tags, refused } = await rescan(store, { source: 'rebuild' }, run)
    log.warn({ repositories, tags, refused: refused.length }, 'the registry was rebuilt from disk')
  }

  /** What a crash kept from being written into the layouts, a second's worth at most. */
  let layoutsRefreshed: Promise<void> = Promise.resolve()
  const refreshLayouts = async (signal: AbortSignal): Promise<void> => {
    for (const repository of await repositoryNames(store)) {
      if (signal.aborted) return
      const expected = await store.layouts.render(repository)
      const problems = await inspectLayout(store.paths, repository, expected)
      if (problems.some(({ kind }) => kind === 'index')) store.layouts.changed(repository)
    }
    await store.layouts.settle()
  }

  const care: Care = {
    ...{ tasks, gc, findings, lastGc: lastGc.get },
    scrub: { ...scrubHeld, position: scrub.position, lastFullAt: scrub.lastFullAt },
    startGc: (request, by) =>
      tasks.start('gc', by, async (run) => {
        const report = await collector.collect(collectOptions(request), run)
        if (!report.dry_run) {
          store.quota.forget()
          await lastGc.set(report)
          log.info(
            { bytes: report.reclaimable_bytes, blobs: report.blobs },
            'garbage was collected',
          )
        }
        return report
      }),
    startRetention: (by) =>
      tasks.start('retention', by, async (run) => {
        const plan = await applyRetention(store, run)
        if (plan.removed > 0) log.info({ tags: plan.removed }, 'retention removed tags')
        return plan
      }),
    startScrub: (extent, by) =>
      tasks.start('scrub', by, async (run) => {
        await layoutsRefreshed
        return scrub.run(extent, run)
      }),
    startFsck: ({ content, repair }, by) =>
      tasks.start('fsck', by, async (run) => {
        const verdicts = repair
          ? mendingVerdicts({ store, findings })
          : reportingVerdicts(store, content)
        const passed = async () => run.signal.throwIfAborted()
        await layoutsRefreshed
        return fsck(fsckParts(store, verdicts), { content, passed }, run.progress)
      }),
    startRescan: (repository, by) =>
      tasks.start('rescan', by, async (run) => {
        await layoutsRefreshed
        const report = await rescan(store, { source: 'import', repository }, run)
        await verifySoon()
        return report
      }),
    startRebuild: (by) =>
      tasks.start('rebuild', by, async (run) => {
        await layoutsRefreshed
        const report = await rescan(store, { source: 'rebuild' }, run)
        await verifySoon()
        return report
      }),
    async open(scope) {
      installGuards(store)
      store.onEvent(({ kind, digest }) => {
        if (kind !== 'push' || !findings.isOpen(digest)) return
        const failed = (err: unknown) => log.warn({ err, digest }, 'a finding could not be closed')
        findings.mended(digest, 'push').catch(failed)
      })
      await Promise.all([
        ...[gc.byHand.load(), scrubHeld.byHand.load(), lastGc.load(), scrub.load()],
        findings.load(),
      ])
      await rebuildIfLost()
      const stop = new AbortController()
      layoutsRefreshed = refreshLayouts(stop.signal).catch((err: unknown) =>
        log.warn(
          { err },
          'the layouts could not be compared with the rows; the next scrub does it',
        ),
      )
      scope.defer(async () => {
        stop.abort()
        await layoutsRefreshed
      })
      scope.use(tasks)
      for (const schedule of [gc.schedule, scrubHeld.schedule, retention]) scope.use(schedule)
      gc.schedule.start(config.gc_every_ms)
      retention.start(config.retention_every_ms)
      scrubHeld.schedule.start(Math.max(0, scrub.lastFullAt() + config.scrub_every_ms - now()))
      await verifySoon()
    },
  }

  /** What was taken over by its name is hashed in the background. */
  const verifySoon = async (): Promise<void> => {
    if ((await db.read.$count(unverified)) > 0 && !tasks.running('scrub')) {
      care.startScrub('new', 'rescan')
    }
  }
  return care
}
