// SPDX-License-Identifier: AGPL-3.0-or-later
import { sql } from 'drizzle-orm'
import type { Labels, Registry } from '../../../core/metrics/registry.ts'
import { SECOND } from '../../../core/units.ts'
import type { Care } from '../care/care.ts'
import type { Observe } from '../http/routes.ts'
import type { OciStore } from '../store.ts'
import { blobs, repositories, tags } from '../tables.ts'

/** Seconds; from an answer out of memory to a push of gigabytes. */
const BOUNDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60, 300, 1_800]

/** What a look at /metrics fetches. */
interface Stock {
  readonly repositories: number
  readonly tags: number
  readonly blobs: number
  readonly bytes: number
  readonly quarantined: number
}

async function stockOf({ db }: OciStore): Promise<Stock> {
  const [sums] = await db.read
    .select({
      count: sql<number>`count(*)`,
      bytes: sql<number>`coalesce(sum(${blobs.sizeBytes}), 0)`,
      quarantined: sql<number>`coalesce(sum(${blobs.state} = 'quarantined'), 0)`,
    })
    .from(blobs)
  const [names, tagged] = [await db.read.$count(repositories), await db.read.$count(tags)]
  const { count = 0, bytes = 0, quarantined = 0 } = sums ?? {}
  return { repositories: names, tags: tagged, blobs: count, bytes, quarantined }
}

/** Requests with their latencies; the count of the histogram is that of the requests. */
function observeCalls(metrics: Registry): Observe {
  const seconds = metrics.histogram(
    'slipway_oci_request_duration_seconds',
    'From a call of the registry to the head of its answer, by route, method and status.',
    BOUNDS,
  )
  const labels = new Map<string, Labels>()
  return (route, method, status, took) => {
    const key = `${route} ${method} ${status}`
    // Methods come from outside: those that are none are one.
    const known = labels.get(key) ?? Object.freeze({ route, method, code: `${status}` })
    if (status !== 405) labels.set(key, known)
    seconds.observe(status === 405 ? { route, method: 'other', code: '405' } : known, took)
  }
}

/** Counts objects and bytes that come and go. */
function countEvents(metrics: Registry, store: OciStore): void {
  const events = metrics.counter(
    'slipway_oci_events_total',
    'What happened to blobs, manifests and tags: pushes, pulls, deletes, quarantines.',
  )
  const bytes = metrics.counter(
    'slipway_oci_bytes_total',
    'Bytes of blobs and manifests that were pushed, and that pulls were answered with.',
  )
  const refused = metrics.counter(
    'slipway_oci_quota_refusals_total',
    'Pushes that did not fit into a quota.',
  )
  // Labels that come again are found without their words.
  const labels = new Map<string, Readonly<Record<string, string>>>()
  const directions = {
    push: Object.freeze({ direction: 'push' }),
    pull: Object.freeze({ direction: 'pull' }),
  }
  store.onEvent(({ kind, what, bytes: size }) => {
    const key = `${kind} ${what}`
    const known = labels.get(key) ?? Object.freeze({ kind, what })
    labels.set(key, known)
    events.add(known)
    if (kind === 'push' || kind === 'pull') bytes.add(directions[kind], size)
  })
  store.quota.onRefused((_, { repositories: quota }) => refused.add({ quota }))
}

function measureCare(metrics: Registry, care: Care): void {
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    metrics.measured(`slipway_oci_${name}`, help, 'gauge', () => {
      const value = read()
      return value === undefined ? [] : [{ labels: {}, value }]
    })
  const ended = () => {
    const last = care.lastGc()
    return last && Date.parse(last.ended_at) / SECOND
  }
  gauge('gc_last_end_time_seconds', 'Unix time at which the last collection ended.', ended)
  gauge(
    'gc_last_reclaimed_bytes',
    'Bytes that the last collection took.',
    () => care.lastGc()?.reclaimable_bytes,
  )
  gauge('gc_last_blobs', 'Blobs that the last collection took.', () => care.lastGc()?.blobs)
  gauge(
    'scrub_checked_objects',
    'Objects that were hashed again in the present pass.',
    () => care.scrub.position().checked,
  )
  gauge('scrub_checked_bytes', 'Their bytes.', () => care.scrub.position().checkedBytes)
  gauge('scrub_last_full_time_seconds', 'Unix time of the last whole pass; 0: never.', () =>
    Math.floor(care.scrub.lastFullAt() / SECOND),
  )
  metrics.measured('slipway_oci_tasks', 'Long work of late, by kind and state.', 'gauge', () => {
    const counts = Map.groupBy(care.tasks.list(), ({ kind, state }) => `${kind} ${state}`)
    return [...counts].map(([key, tasks]) => {
      const [kind = '', state = ''] = key.split(' ')
      return { labels: { kind, state }, value: tasks.length }
    })
  })
}

/** Everything that `/metrics` tells of the registry; returns what its routes report to. */
export function watchMetrics(metrics: Registry, store: OciStore, care: Care): Observe {
  let stock: Stock | undefined
  let quotas: Awaited<ReturnType<OciStore['quota']['uses']>> = []
  let disk: Awaited<ReturnType<OciStore['watermark']['space']>> | undefined
  metrics.before(async () => {
    try {
      ;[stock, quotas, disk] = await Promise.all([
        stockOf(store),
        store.quota.uses(),
        store.watermark.space(),
      ])
    } catch (err) {
      store.log.warn({ err }, 'the stock of the registry could not be counted; the last one shows')
    }
  })
  const stocked = (name: keyof Stock, help: string) =>
    metrics.measured(`slipway_oci_stored_${name}`, help, 'gauge', () =>
      stock ? [{ labels: {}, value: stock[name] }] : [],
    )
  stocked('repositories', 'Repositories.')
  stocked('tags', 'Tags of all repositories.')
  stocked('blobs', 'Objects, each counted once however many repositories hold it.')
  stocked('bytes', 'Their bytes.')
  stocked('quarantined', 'Objects that were found damaged and are not served.')
  metrics.measured('slipway_oci_quota_bytes', 'Limit and use of each quota.', 'gauge', () =>
    quotas.flatMap(({ repositories: quota, limitBytes, usedBytes }) => [
      { labels: { quota, what: 'limit' }, value: limitBytes },
      { labels: { quota, what: 'used' }, value: usedBytes },
    ]),
  )
  metrics.measured('slipway_oci_disk_bytes', 'The file system of the store.', 'gauge', () =>
    disk
      ? [
          { labels: { what: 'total' }, value: disk.totalBytes },
          { labels: { what: 'free' }, value: disk.freeBytes },
          { labels: { what: 'reserve' }, value: disk.reserveBytes },
        ]
      : [],
  )
  metrics.measured('slipway_oci_uploads', 'Upload sessions that are open.', 'gauge', () => [
    { labels: {}, value: store.uploads.list().length },
  ])
  metrics.measured('slipway_oci_upload_bytes', 'Bytes that they hold.', 'gauge', () => [
    { labels: {}, value: store.uploads.list().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) },
  ])
  measureCare(metrics, care)
  countEvents(metrics, store)
  return observeCalls(metrics)
}
