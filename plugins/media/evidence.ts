// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Sighting } from '../../core/hooks.ts'
import type { Job } from '../../core/jobs/job.ts'
import type { PublishedImage } from '../../core/store/tables.ts'
import { SECOND } from '../../core/units.ts'
import { createIntervalSet, type IntervalSet } from './interval-set.ts'
import { sizeText } from './size-text.ts'

/** Between two sightings of one slot that tell nothing but more bytes. */
const AFTER_RESPONSE_MS = SECOND
/** The same in the middle of a long response: it must show that it lives, no more. */
const WITHIN_RESPONSE_MS = 10 * SECOND

/** Sees one response: what of the image went out, and its end. */
export interface Witness {
  /** These bytes of the image were taken by the reader's connection. */
  read(start: number, end: number): void
  end(): void
}

export interface Evidence {
  /** A request for an image has come in; `method` is its first word. */
  begin(job: Job, published: PublishedImage, method: string, from: string): Witness
  /** Says what is not said yet of that job and forgets it. */
  forget(jobId: string): void
  /** Says what is not said yet, of all. */
  flush(): void
}

/** What is known of one slot of one job. */
interface Track {
  readonly job: string
  readonly published: PublishedImage
  readonly seen: IntervalSet
  /** Changes when the machine is powered on anew: regions are told again then. */
  launch: string
  /** The last request came after power on was begun: it is the machine that reads. */
  booting: boolean
  /** By name: an image has many stretches of `files` and `directories`. */
  readonly regionsTold: Set<string>
  tenthsTold: number
  bytes: number
  /** Bytes nobody had read before came since the last sighting. */
  fresh: boolean
  /** Anything was read since the last sighting, fresh or not. */
  untold: boolean
  from: string
  /** Last region touched since the last sighting. */
  region: string | undefined
  saidAt: number
  pending: { readonly timer: Timer; readonly dueAt: number } | undefined
}

const launchOf = (job: Job) => `${job.launches} ${job.powerOnBegunAt ?? ''}`

/** Of the image, rounded down: 100 only when nothing is missing. */
const percentOf = ({ bytes, published }: Track) =>
  published.image.sizeBytes === 0 ? 100 : Math.floor((100 * bytes) / published.image.sizeBytes)

function createTrack(job: Job, published: PublishedImage): Track {
  return {
    job: job.id,
    published,
    seen: createIntervalSet(),
    launch: launchOf(job),
    booting: job.powerOnBegunAt !== null,
    regionsTold: new Set(),
    tenthsTold: 0,
    bytes: 0,
    fresh: false,
    untold: false,
    from: '',
    region: undefined,
    saidAt: 0,
    pending: undefined,
  }
}

/** Turns what went out to BMCs into sightings; keeps nothing over a restart. */
export function createEvidence(parts: {
  readonly see: (sighting: Sighting) => void
  readonly now: () => number
}): Evidence {
  const tracks = new Map<string, Track>()

  const say = (track: Track) => {
    clearTimeout(track.pending?.timer)
    const { job, published, bytes, fresh, from, region } = track
    const percent = percentOf(track)
    const what = region ? `the ${region} of ${published.name}` : published.name
    track.pending = undefined
    track.fresh = false
    track.untold = false
    track.region = undefined
    track.saidAt = parts.now()
    parts.see({
      job,
      level: track.booting ? (region ? 'stage' : 'read') : 'fetched',
      slot: published.slot,
      ...(region ? { region } : {}),
      bytes,
      percent,
      fresh,
      from,
      detail: `read ${what} (${sizeText(bytes)}, ${percent} %)`,
    })
  }

  /** Says it `pauseMs` after the last sighting, with all that comes until then. */
  const saySoon = (track: Track, pauseMs: number) => {
    const dueAt = track.saidAt + pauseMs
    if (dueAt <= parts.now()) return say(track)
    if (track.pending && track.pending.dueAt <= dueAt) return
    clearTimeout(track.pending?.timer)
    const timer = setTimeout(() => say(track), dueAt - parts.now())
    timer.unref()
    track.pending = { timer, dueAt }
  }

  const tellRegions = (track: Track, start: number, end: number) => {
    for (const region of track.published.image.regions) {
      if (region.start >= end || region.start + region.length <= start) continue
      track.region = region.name
      if (track.regionsTold.has(region.name)) continue
      track.regionsTold.add(region.name)
      say(track)
    }
  }

  const read = (track: Track, start: number, end: number) => {
    const fresh = track.seen.add(start, end)
    track.bytes += fresh
    track.fresh ||= fresh > 0
    track.untold = true
    tellRegions(track, start, end)
    const tenths = Math.floor(percentOf(track) / 10)
    if (tenths > track.tenthsTold) {
      track.tenthsTold = tenths
      // A region's sighting a moment ago may have said the same number already.
      if (track.untold) say(track)
    }
    if (track.fresh) saySoon(track, WITHIN_RESPONSE_MS)
  }

  const trackOf = (job: Job, published: PublishedImage, method: string, from: string): Track => {
    const key = `${job.id} ${published.slot}`
    const known = tracks.get(key)
    if (known?.published.image.etag === published.image.etag) return known
    if (known?.pending) say(known)
    const track = createTrack(job, published)
    tracks.set(key, track)
    parts.see({
      job: job.id,
      level: 'fetched',
      slot: published.slot,
      fresh: false,
      from,
      detail: `asked for ${published.name}${method === 'HEAD' ? ' (HEAD only)' : ''}`,
    })
    return track
  }

  const flush = (chosen: Iterable<[string, Track]>) => {
    for (const [, track] of chosen) if (track.pending) say(track)
  }

  return {
    begin(job, published, method, from) {
      const track = trackOf(job, published, method, from)
      track.from = from
      if (track.launch !== launchOf(job)) {
        // What the BMC fetched before is told as such, before it counts as the machine's.
        if (track.pending) say(track)
        track.launch = launchOf(job)
        track.booting = job.powerOnBegunAt !== null
        track.regionsTold.clear()
      }
      return {
        read: (start, end) => read(track, start, end),
        end() {
          if (track.untold) saySoon(track, AFTER_RESPONSE_MS)
        },
      }
    },
    forget(jobId) {
      const own = [...tracks].filter(([, track]) => track.job === jobId)
      flush(own)
      for (const [key] of own) tracks.delete(key)
    },
    flush: () => flush(tracks),
  }
}
