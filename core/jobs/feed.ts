// SPDX-License-Identifier: AGPL-3.0-or-later
import type { EventRow, EvidenceRow } from '../store/job-story.ts'
import type { Job } from './job.ts'

/** One piece of a job's story, as it happens. */
export type FeedItem =
  | { readonly kind: 'job'; readonly job: Job }
  | { readonly kind: 'log'; readonly row: EventRow }
  | { readonly kind: 'evidence'; readonly row: EvidenceRow }

/** Tells those who watch a job over SSE what was committed. Keeps nothing. */
export interface Feed {
  publish(jobId: string, item: FeedItem): void
  /** Returns the way out. */
  subscribe(jobId: string, listener: (item: FeedItem) => void): () => void
}

export function createFeed(): Feed {
  const listeners = new Map<string, Set<(item: FeedItem) => void>>()
  return {
    publish(jobId, item) {
      for (const listener of listeners.get(jobId) ?? []) listener(item)
    },
    subscribe(jobId, listener) {
      const ofJob = listeners.get(jobId) ?? new Set()
      listeners.set(jobId, ofJob.add(listener))
      return () => {
        ofJob.delete(listener)
        if (ofJob.size === 0) listeners.delete(jobId)
      }
    },
  }
}
