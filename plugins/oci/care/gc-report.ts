// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OciGarbage, OciGcReport } from '../../../schemas/oci-report.ts'
import type { Marked } from './gc-mark.ts'

/** Items that a report names. */
export const MOST_ITEMS = 1_000

type Kind = OciGarbage['kind']

/** Adds up what a collection takes. */
export interface GcTally {
  add(item: OciGarbage): void
  addMarked(repository: string, marked: Marked): void
  /** Bytes that the disk got back, or would. */
  free(bytes: number): void
  report(times: { dryRun: boolean; startedAt: number; endedAt: number }): OciGcReport
}

const WHY: Readonly<Record<Kind, string>> = {
  manifest: 'no tag, index or subject here needs it, nor a job',
  tag: 'it speaks of a manifest that is gone',
  link: 'no manifest of the repository needs it',
  blob: 'no repository has it any more',
  upload: 'nobody sent anything for too long',
  repository: 'it is empty',
}

/** An item with the reason that its kind has. */
export const garbage = (
  kind: Kind,
  name: string,
  sizeBytes = 0,
  repository?: string,
): OciGarbage => ({
  ...{ kind, name, size_bytes: sizeBytes, why: WHY[kind] },
  ...(repository === undefined ? {} : { repository }),
})

export function createGcTally(): GcTally {
  const counts: Record<Kind, number> = {
    ...{ manifest: 0, tag: 0, link: 0, blob: 0, upload: 0, repository: 0 },
  }
  const items: OciGarbage[] = []
  let bytes = 0
  const add = (item: OciGarbage): void => {
    counts[item.kind]++
    if (items.length < MOST_ITEMS) items.push(item)
  }
  const time = (at: number) => new Date(at).toISOString()
  return {
    add,
    addMarked(repository, { tags, manifests, links }) {
      const manifestDigests = new Set(manifests.map(({ digest }) => digest))
      for (const { name } of tags) add(garbage('tag', name, 0, repository))
      for (const { digest, sizeBytes } of manifests) {
        add(garbage('manifest', digest, sizeBytes, repository))
      }
      for (const { digest, sizeBytes } of links) {
        if (!manifestDigests.has(digest)) add(garbage('link', digest, sizeBytes, repository))
      }
    },
    free(more) {
      bytes += more
    },
    report: ({ dryRun, startedAt, endedAt }) => ({
      ...{ kind: 'gc', dry_run: dryRun, started_at: time(startedAt), ended_at: time(endedAt) },
      ...{ manifests: counts.manifest, tags: counts.tag, links: counts.link, blobs: counts.blob },
      ...{ uploads: counts.upload, repositories: counts.repository, reclaimable_bytes: bytes },
      ...{ items, truncated: Object.values(counts).reduce((a, b) => a + b) > items.length },
    }),
  }
}
