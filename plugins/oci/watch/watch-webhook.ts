// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Logger } from '../../../core/log.ts'
import type { Registry } from '../../../core/metrics/registry.ts'
import { sleep } from '../../../core/retry.ts'
import { MINUTE, SECOND } from '../../../core/units.ts'
import type { QuotaUse } from '../care/quota.ts'
import type { OciEvent } from './events.ts'

/** Events that wait at most; when there are more, the oldest go. */
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

/** As distribution's notifications have it; `quota` and `corruption` are ours. */
interface Notice {
  readonly id: string
  readonly timestamp: string
  readonly action: 'push' | 'pull' | 'mount' | 'delete' | 'quota' | 'corruption' | 'mend'
  readonly target: Readonly<Record<string, string | number>>
  readonly request: Readonly<Record<string, string>>
  readonly actor: Readonly<Record<string, string>>
  readonly source: Readonly<Record<string, string>>
}

export interface EventWebhook extends AsyncDisposable {
  watch(event: OciEvent): void
  quota(repository: string, use: QuotaUse, bytes: number): void
}

export interface EventWebhookParts {
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

/** POSTs what happens to a URL, in order, again until it is taken; never in anybody's way. */
export function createEventWebhook(parts: EventWebhookParts): EventWebhook {
  const { url, token, log, metrics, now, pauseMs = FIRST_PAUSE_MS } = parts
  const queue: Notice[] = []
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

  const drain = async (): Promise<void> => {
    let pause = pauseMs
    while (queue.length > 0 && !stop.signal.aborted) {
      const batch = queue.slice(0, MOST_AT_ONCE)
      try {
        await post(batch)
        // Some of them may have gone from a full queue meanwhile.
        const ids = new Set(batch.map(({ id }) => id))
        while (queue[0] && ids.has(queue[0].id)) queue.shift()
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

  const add = (notice: Omit<Notice, 'id' | 'timestamp' | 'source'>): void => {
    if (queue.length >= LONGEST_QUEUE) {
      queue.shift()
      sent.add({ end: 'dropped' })
    }
    queue.push({
      ...{ id: crypto.randomUUID(), timestamp: new Date(now()).toISOString(), ...notice },
      source: { instanceID: 'slipway' },
    })
    running ??= drain().finally(() => {
      running = undefined
    })
  }

  return {
    watch(event) {
      if (!isTold(event)) return
      const { kind, repository, digest, tag, mediaType, bytes, by, job, address } = event
      add({
        action: kind === 'quarantine' ? ACTIONS.quarantine : kind,
        target: {
          ...{ repository, digest, size: bytes },
          ...(tag === undefined ? {} : { tag }),
          ...(mediaType === undefined ? {} : { mediaType }),
        },
        request: address === undefined ? {} : { addr: address },
        actor: { name: by, ...(job === undefined ? {} : { job_id: job }) },
      })
    },
    quota(repository, { repositories, limitBytes, usedBytes }, bytes) {
      add({
        action: 'quota',
        target: { repository, quota: repositories, limitBytes, usedBytes, size: bytes },
        ...{ request: {}, actor: {} },
      })
    },
    async [Symbol.asyncDispose]() {
      if (running) await Promise.race([running, sleep(LAST_CHANCE_MS)])
      stop.abort()
      await running
      if (queue.length > 0) log.warn({ events: queue.length }, 'events for the webhook are lost')
    },
  }
}
