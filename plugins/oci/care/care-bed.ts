// SPDX-License-Identifier: AGPL-3.0-or-later
/** A registry with those who take care of it, for the tests beside this file. */
import type { OciGcRequest, OciTask } from '../../../schemas/oci-admin.ts'
import type {
  OciCheckReport,
  OciGcReport,
  OciRescanReport,
  OciRetentionPlan,
} from '../../../schemas/oci-report.ts'
import { type RegistryBed, registryBed } from '../test-bed.ts'
import { type Care, createCare } from './care.ts'

/** Time turned by hand. */
export interface Turned {
  now(): number
  advance(ms: number): void
}

export interface CareBed extends AsyncDisposable {
  readonly bed: RegistryBed
  readonly clock: Turned
  care(): Care
  gc(request?: OciGcRequest): Promise<OciGcReport>
  retention(): Promise<OciRetentionPlan>
  scrub(): Promise<OciCheckReport>
  fsck(options?: { content?: boolean; repair?: boolean }): Promise<OciCheckReport>
  rescan(repository?: string): Promise<OciRescanReport>
  rebuild(): Promise<OciRescanReport>
  /** Ends and opens all of it again. */
  restart(): Promise<void>
}

const reports = {
  gc: 'gc',
  retention: 'retention',
  check: 'check',
  rescan: 'rescan',
} as const

export async function careBed(settings: Parameters<typeof registryBed>[0] = {}): Promise<CareBed> {
  let at = Date.now()
  const clock = {
    now: () => at,
    advance: (ms: number) => {
      at += ms
    },
  }
  const quiet = { gc_every_ms: 0, scrub_every_ms: 0, retention_every_ms: 0, ...settings }
  const bed = await registryBed({ scrub_bytes_per_second: 2 ** 40, ...quiet }, clock.now)
  const open = async () => {
    const scope = new AsyncDisposableStack()
    const care = createCare(bed.store(), { count: async () => [] })
    await care.open(scope)
    return { care, scope }
  }
  let run = await open()

  const ended = async <K extends keyof typeof reports>(task: OciTask, kind: K) => {
    const { result, error, state } = await run.care.tasks.done(task.id)
    if (result?.kind === kind) return result as Extract<typeof result, { kind: K }>
    throw new Error(`the task ended ${state}: ${error}`)
  }
  return {
    ...{ bed, clock },
    care: () => run.care,
    gc: (request = {}) => ended(run.care.startGc(request, 'ada'), 'gc'),
    retention: () => ended(run.care.startRetention('ada'), 'retention'),
    scrub: () => ended(run.care.startScrub('all', 'ada'), 'check'),
    fsck: ({ content = true, repair = false } = {}) =>
      ended(run.care.startFsck({ content, repair }, 'ada'), 'check'),
    rescan: (repository) => ended(run.care.startRescan(repository, 'ada'), 'rescan'),
    rebuild: () => ended(run.care.startRebuild('ada'), 'rescan'),
    async restart() {
      await run.scope.disposeAsync()
      await bed.restart()
      run = await open()
    },
    async [Symbol.asyncDispose]() {
      await run.scope.disposeAsync()
      await bed[Symbol.asyncDispose]()
    },
  }
}
