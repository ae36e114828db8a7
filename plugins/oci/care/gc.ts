// SPDX-License-Identifier: AGPL-3.0-or-later
import { inArray, sql } from 'drizzle-orm'
import { DAY } from '../../../core/units.ts'
import type { OciGcReport } from '../../../schemas/oci-report.ts'
import { type Digest, isDigest } from '../store/digest.ts'
import type { OciStore } from '../store.ts'
import { repositoryBlobs } from '../tables.ts'
import type { Pause } from './care-pause.ts'
import type { TaskRun } from './care-tasks.ts'
import { isEmptyRepository, removeEmptyRepository } from './gc-empty.ts'
import { type Marked, type MarkRules, markRepository } from './gc-mark.ts'
import { createGcTally, type GcTally, garbage } from './gc-report.ts'
import { removeStray, type StrayFile, strayLinks, strayObjects } from './gc-strays.ts'
import { pruneHistory, pruneLeases, removeFiles, sweepRepository } from './gc-sweep.ts'

/** Objects whose files are removed at the same time. */
const AT_ONCE = 16
const PAGE = 100
const ROWS = 500

export interface CollectOptions {
  readonly dryRun: boolean
  /** What is younger stays, in ms. */
  readonly graceMs: number
  readonly untagged: MarkRules['untagged']
  readonly orphans: MarkRules['orphans']
  readonly earlier: number
  /** Moves that are remembered of each tag. */
  readonly history: number
}

export interface Collector {
  /** One collection over all repositories; the appliance serves meanwhile. */
  collect(options: CollectOptions, run: TaskRun): Promise<OciGcReport>
}

async function* allRepositories({ repositories }: OciStore): AsyncGenerator<string> {
  for (let after = ''; ; ) {
    const page = await repositories.list({ after, limit: PAGE })
    for (const { name } of page) yield name
    const last = page.at(-1)
    if (!last) return
    after = last.name
  }
}

const validDigests = (some: readonly { readonly digest: string }[]): Digest[] =>
  some.map(({ digest }) => digest).filter(isDigest)

/** What would be freed: objects that no repository would hold after the links are gone. */
class WouldFree {
  readonly #links = new Map<string, { count: number; sizeBytes: number }>()

  note({ links }: Marked): void {
    for (const { digest, sizeBytes } of links) {
      const before = this.#links.get(digest)?.count ?? 0
      this.#links.set(digest, { count: before + 1, sizeBytes })
    }
  }

  async addTo(store: OciStore, tally: GcTally): Promise<void> {
    const digests = [...this.#links.keys()]
    for (let at = 0; at < digests.length; at += ROWS) {
      const rows = await store.db.read
        .select({ digest: repositoryBlobs.digest, count: sql<number>`count(*)` })
        .from(repositoryBlobs)
        .where(inArray(repositoryBlobs.digest, digests.slice(at, at + ROWS)))
        .groupBy(repositoryBlobs.digest)
      for (const { digest, count } of rows) {
        const condemned = this.#links.get(digest)
        if (!condemned || condemned.count < count) continue
        tally.add(garbage('blob', digest, condemned.sizeBytes))
        tally.free(condemned.sizeBytes)
      }
    }
  }
}

export function createCollector(store: OciStore, pause: Pause): Collector {
  /** A crash leaves files without rows: the first collection after a start looks for them, then once a day. */
  let strayFilesSoughtAt = Number.NEGATIVE_INFINITY

  const removeMarked = async (repository: string, marked: Marked, tally: GcTally) => {
    const digests = validDigests(marked.links)
    for (let at = 0; at < digests.length; at += AT_ONCE) {
      const some = digests.slice(at, at + AT_ONCE)
      const freed = await Promise.all(some.map((digest) => removeFiles(store, repository, digest)))
      for (const [position, bytes] of freed.entries()) {
        if (bytes === 0) continue
        tally.add(garbage('blob', some[position] ?? '', bytes))
        tally.free(bytes)
      }
    }
  }

  const collectUploads = async (dryRun: boolean, now: number, tally: GcTally) => {
    const before = now - store.config.upload_ttl_ms
    const old = store.uploads.list().filter((one) => !one.receiving && one.lastAt < before)
    for (const { id, repository, sizeBytes } of old) {
      tally.add(garbage('upload', id, sizeBytes, repository))
      tally.free(sizeBytes)
    }
    if (!dryRun) await store.uploads.expire()
  }

  const strays = async (
    found: AsyncIterable<StrayFile>,
    since: number,
    tally: GcTally,
    repository?: string,
  ): Promise<void> => {
    for await (const stray of found) {
      const bytes = await removeStray(store, stray, since, repository)
      if (bytes === undefined) continue
      const name = stray.digest ?? stray.path
      const kind = repository === undefined ? 'blob' : 'link'
      tally.add({ ...garbage(kind, name, bytes, repository), why: 'a file that a crash left' })
      tally.free(bytes)
    }
  }

  const collectRepository = async (
    name: string,
    rules: MarkRules,
    options: CollectOptions,
    tally: GcTally,
    wouldFree: WouldFree,
    seekStrays: boolean,
  ): Promise<void> => {
    if (options.dryRun) {
      const marked = await markRepository(store.db.read, name, rules)
      tally.addMarked(name, marked)
      wouldFree.note(marked)
      if (await isEmptyRepository(store, store.db.read, name, rules.since)) {
        tally.add(garbage('repository', name, 0, name))
      }
      return
    }
    const marked = await sweepRepository(store, name, rules)
    tally.addMarked(name, marked)
    await removeMarked(name, marked, tally)
    if (seekStrays) await strays(strayLinks(store, name), rules.since, tally, name)
    if (await removeEmptyRepository(store, name, rules.since)) {
      tally.add(garbage('repository', name, 0, name))
    }
  }

  return {
    async collect(options, run) {
      const startedAt = store.now()
      const { dryRun, untagged, orphans, earlier } = options
      const rules: MarkRules = {
        ...{ now: startedAt, since: startedAt - options.graceMs, untagged, orphans, earlier },
        promised: (repository) => store.promises.since(repository, startedAt - options.graceMs),
      }
      const tally = createGcTally()
      const wouldFree = new WouldFree()
      const seekStrays = startedAt - strayFilesSoughtAt > DAY
      await collectUploads(dryRun, startedAt, tally)
      let done = 0
      for await (const name of allRepositories(store)) {
        await pause.passed(run)
        run.progress({ done: done++, unit: 'repositories', at: name })
        await collectRepository(name, rules, options, tally, wouldFree, seekStrays)
      }
      run.progress({ done, total: done, unit: 'repositories' })
      if (dryRun) await wouldFree.addTo(store, tally)
      else {
        if (seekStrays) await strays(strayObjects(store), rules.since, tally)
        if (seekStrays) strayFilesSoughtAt = startedAt
        await pruneHistory(store, options.history)
        await pruneLeases(store, startedAt)
      }
      return tally.report({ dryRun, startedAt, endedAt: store.now() })
    },
  }
}
