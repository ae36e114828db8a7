// SPDX-License-Identifier: AGPL-3.0-or-later
import { asc, inArray } from 'drizzle-orm'
import * as v from 'valibot'
import type { Logger } from '../../../core/log.ts'
import type { Registry } from '../../../core/metrics/registry.ts'
import { sleep } from '../../../core/retry.ts'
import type { Db } from '../../../core/store/client.ts'
import { MINUTE, SECOND } from '../../../core/units.ts'
import type { QuotaUse } from '../care/quota.ts'
import { notices } from '../tables.ts'
import type { OciEvent, Recorder } from './events.ts'

/** Events that wait at most, in memory and in the database; when there are more, the oldest go. */
const LONGEST_QUEUE = 1_000
/** Events of one call. */
const MOST_AT_ONCE = 100
const TIMEOUT_MS = 10 * SECOND
const FIRST_PAUSE_MS = SECOND
const LONGEST_PAUSE_MS = MINUTE
/** A stop of the appliance waits so long for what is queued. */
const LAST_CHANCE_MS = 2 * SECOND

/** The media type that receivers of registries' notifications know. */
const TYPE = 'application/vnd.docker.distribution.events.v2+json'

const words = v.record(v.string(), v.string())

/** As distribution's notifications have it; `quota` and `corruption` are ours. */
const Notice = v.object({
  id: v.string(),
  timestamp: v.string(),
  action: v.picklist(['push', 'pull', 'mount', 'delete', 'quota', 'corruption', 'mend']),
  target: v.record(v.string(), v.union([v.string(), v.number()])),
  request: words,
  actor: words,
  source: words,
})
type Notice = v.InferOutput<typeof Notice>

export interface EventWebhook extends AsyncDisposable {
  /** Takes up what an earlier run could not send; to be called once. */
  open(): Promise<void>
  record: Recorder
  watch(event: OciEvent): void
  quota(repository: string, use: QuotaUse, bytes: number): void
}

export interface EventWebhookParts {
  readonly db: Db
  readonly url: string
  /** Sent as a bearer token; '': none. */
  readonly token: string
  readonly log: Logger
  readonly metrics: Registry
  /** Unix ms. */
  readonly now: () => number
  /** After the first failure, in ms; doubles with each. */
  readonly pauseMs?: number
}

/** Blobs come and go with their manifests: a pull of an image is one event, not fifty. */
const isTold = ({ kind, what }: OciEvent) =>
  what !== 'blob' || !['pull', 'push', 'mount'].includes(kind)

const ACTIONS = { quarantine: 'corruption' } as const

/**
 * POSTs what happens to a URL, in order, again until it is taken; never in anybody's way. Pushes and
 * deletes wait in the database too, and are sent at least once; the others are lost at a stop.
 */
export function createEventWebhook(parts: EventWebhookParts): EventWebhook {
  const { db, url, token, log, metrics, now, pauseMs = FIRST_PAUSE_MS } = parts
  const queue: Notice[] = []
  const noticeByEvent = new WeakMap<OciEvent, Notice>()
  /** Those that stand in the database. */
  const recorded = new Set<string>()
  const stop = new AbortController()
  let running: Promise<void> | undefined
  const sent = metrics.counter('slipway_oci_notices_total', 'Events for the webhook, by their end.')
  metrics.measured('slipway_oci_notices_waiting', 'Events that wait for it.', 'gauge', () => [
    { labels: {}, value: queue.length },
  ])

  const post = async (events: readonly Notice[]): Promise<void> => {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'Content-Type': TYPE, ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify({ events }),
      redirect: 'manual',
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the webhook answered ${response.status}`)
  }

  const forget = async (ids: readonly string[]): Promise<void> => {
    const kept = ids.filter((id) => recorded.delete(id))
    if (kept.length === 0) return
    await db.write((tx) => tx.delete(notices).where(inArray(notices.id, kept)))
  }

  const drain = async (): Promise<void> => {
    let pause = pauseMs
    while (queue.length > 0 && !stop.signal.aborted) {
      const batch = queue.slice(0, MOST_AT_ONCE)
      try {
        await post(batch)
        // Some of them may have gone from a full queue meanwhile.
        const ids = new Set(batch.map(({ id }) => id))
        while (queue[0] && ids.has(queue[0].id)) queue.shift()
        await forget([...ids])
        sent.add({ end: 'sent' }, batch.length)
        pause = pauseMs
      } catch (err) {
        if (stop.signal.aborted) return
        log.warn({ err, waiting: queue.length }, 'the webhook of the registry takes no events')
        await sleep(pause, stop.signal).catch(() => undefined) // aborted: the loop ends by itself
        pause = Math.min(pause * 2, LONGEST_PAUSE_MS)
      }
    }
  }

  const noticeOf = (notice: Omit<Notice, 'id' | 'timestamp' | 'source'>): Notice => ({
    ...{ id: crypto.randomUUID(), timestamp: new Date(now()).toISOString(), ...notice },
    source: { instanceID: 'slipway' },
  })
  const noticeFor = (event: OciEvent): Notice => {
    const { kind, repository, digest, tag, mediaType, bytes, by, job, address } = event
    return noticeOf({
      action: kind === 'quarantine' ? ACTIONS.quarantine : kind,
      target: {
        ...{ repository, digest, size: bytes },
        ...(tag === undefined ? {} : { tag }),
        ...(mediaType === undefined ? {} : { mediaType }),
      },
      request: address === undefined ? {} : { addr: address },
      actor: { name: by, ...(job === undefined ? {} : { job_id: job }) },
    })
  }

  const add = (notice: Notice): void => {
    if (queue.length >= LONGEST_QUEUE) {
      const oldest = queue.shift()
      sent.add({ end: 'dropped' })
      if (oldest) {
        forget([oldest.id]).catch((err: unknown) => {
          log.warn({ err }, 'an event that was given up stays in the database until it is sent')
        })
      }
    }
    queue.push(notice)
    running ??= drain().finally(() => {
      running = undefined
    })
  }

  return {
    async open() {
      const rows = await db.read.select().from(notices).orderBy(asc(notices.seq))
      for (const { id, notice } of rows) {
        recorded.add(id)
        add(v.parse(Notice, notice))
      }
    },
    async record(tx, event) {
      if (!isTold(event)) return
      const notice = noticeFor(event)
      await tx.insert(notices).values({ id: notice.id, notice })
      noticeByEvent.set(event, notice)
    },
    watch(event) {
      if (!isTold(event)) return
      const notice = noticeByEvent.get(event)
      if (notice) recorded.add(notice.id)
      add(notice ?? noticeFor(event))
    },
    quota(repository, { repositories, limitBytes, usedBytes }, bytes) {
      add(
        noticeOf({
          action: 'quota',
          target: { repository, quota: repositories, limitBytes, usedBytes, size: bytes },
          ...{ request: {}, actor: {} },
        }),
      )
    },
    async [Symbol.asyncDispose]() {
      if (running) await Promise.race([running, sleep(LAST_CHANCE_MS)])
      stop.abort()
      await running
      const waiting = queue.filter(({ id }) => recorded.has(id)).length
      const lost = queue.length - waiting
      if (queue.length > 0) log.warn({ waiting, lost }, 'events for the webhook were not sent')
    },
  }
}
