// SPDX-License-Identifier: AGPL-3.0-or-later
import { asc, gt, inArray } from 'drizzle-orm'
import type { Db } from '../../../core/store/client.ts'
import type { OciCheckReport, OciFinding } from '../../../schemas/oci-report.ts'
import { type Digest, isDigest } from '../store/digest.ts'
import type { Disk } from '../store/disk.ts'
import type { Paths } from '../store/paths.ts'
import { blobs, repositories, repositoryBlobs, type SparsePolicy } from '../tables.ts'
import type { TaskRun } from './care-tasks.ts'
import { inspectLayout } from './fsck-layout.ts'
import { inspectObject, type ObjectRow, type Pace, type Problem } from './fsck-object.ts'
import { inspectRows } from './fsck-rows.ts'
import { type CheckTally, createCheckTally } from './fsck-tally.ts'
import { type StrayFile, strayLinks, strayObjects } from './gc-strays.ts'

/** What is done about what a look without a lock found; each gives the findings as they stand then. */
export interface Verdicts {
  object(digest: Digest): Promise<readonly OciFinding[]>
  layout(repository: string): Promise<readonly OciFinding[]>
  rows(problems: readonly Problem[]): Promise<readonly OciFinding[]>
  stray(file: StrayFile, repository: string | undefined): Promise<readonly OciFinding[]>
}

export interface FsckParts {
  readonly db: Pick<Db, 'read'>
  readonly paths: Paths
  readonly disk: Disk
  /** Of repositories that have none of their own. */
  readonly sparse: SparsePolicy
  /** What `index.json` should be. */
  readonly expectedIndex: (repository: string) => Promise<string>
  readonly verdicts: Verdicts
  /** It was found damaged before: it is judged even when it looks whole now. */
  readonly isSuspect: (digest: Digest) => boolean
}

export interface FsckOptions {
  /** Hash every object, rather than look at sizes and links alone. */
  readonly content: boolean
  readonly pace?: Pace
  /** Waits while somebody holds the work up. */
  readonly passed: () => Promise<void>
}

const PAGE = 100

type Row = ObjectRow & { readonly state: 'good' | 'quarantined' }

/** Objects behind `after` in the order of their digests, with those who hold them. */
export async function objectsAfter(
  { db }: Pick<FsckParts, 'db'>,
  after: string,
): Promise<readonly Row[]> {
  const page = await db.read
    .select()
    .from(blobs)
    .where(gt(blobs.digest, after))
    .orderBy(asc(blobs.digest))
    .limit(PAGE)
  return withHolders({ db }, page)
}

/** The same of these digests. */
export async function objectsOf(
  { db }: Pick<FsckParts, 'db'>,
  digests: readonly string[],
): Promise<readonly Row[]> {
  return withHolders(
    { db },
    await db.read
      .select()
      .from(blobs)
      .where(inArray(blobs.digest, [...digests])),
  )
}

async function withHolders(
  { db }: Pick<FsckParts, 'db'>,
  page: readonly (typeof blobs.$inferSelect)[],
): Promise<readonly Row[]> {
  const digests = page.map(({ digest }) => digest)
  const links = await db.read
    .select({ digest: repositoryBlobs.digest, repository: repositoryBlobs.repository })
    .from(repositoryBlobs)
    .where(inArray(repositoryBlobs.digest, digests))
  const byDigest = Map.groupBy(links, ({ digest }) => digest)
  return page.flatMap(({ digest, sizeBytes, state }) => {
    if (!isDigest(digest)) return []
    const holders = (byDigest.get(digest) ?? []).map(({ repository }) => repository)
    return [{ digest, sizeBytes, state, holders }]
  })
}

/** One object. A damaged one is judged again by the verdict, with nobody changing it. */
export async function checkObject(
  parts: FsckParts,
  row: Row,
  { content, pace }: Pick<FsckOptions, 'content' | 'pace'>,
  tally: CheckTally,
): Promise<void> {
  const { paths, disk } = parts
  const seen = await inspectObject({ paths, disk, content, ...(pace ? { pace } : {}) }, row)
  tally.checked(seen.hashedBytes)
  const isWhole = !seen.damage && seen.links.length === 0 && row.state === 'good'
  if (isWhole && !parts.isSuspect(row.digest)) return
  tally.found(await parts.verdicts.object(row.digest))
}

export async function repositoryNames({ db }: Pick<FsckParts, 'db'>): Promise<readonly string[]> {
  const rows = await db.read
    .select({ name: repositories.name })
    .from(repositories)
    .orderBy(asc(repositories.name))
  return rows.map(({ name }) => name)
}

/** The files of layouts and the rows; strays where they are asked for. */
export async function checkLayouts(
  parts: FsckParts,
  options: FsckOptions,
  tally: CheckTally,
): Promise<void> {
  const { verdicts } = parts
  for (const repository of await repositoryNames(parts)) {
    await options.passed()
    const expected = await parts.expectedIndex(repository)
    const problems = await inspectLayout(parts.paths, repository, expected)
    if (problems.length > 0) tally.found(await verdicts.layout(repository))
    for await (const file of strayLinks(parts, repository)) {
      tally.found(await verdicts.stray(file, repository))
    }
  }
  for await (const file of strayObjects(parts)) tally.found(await verdicts.stray(file, undefined))
  tally.found(await verdicts.rows(await inspectRows(parts.db.read, parts.paths, parts.sparse)))
}

/** Looks at everything once: objects, layouts and rows, files against rows both ways. */
export async function fsck(
  parts: FsckParts,
  options: FsckOptions,
  progress: TaskRun['progress'],
): Promise<OciCheckReport> {
  const tally = createCheckTally()
  const total = await parts.db.read.$count(blobs)
  for (let after = ''; ; ) {
    const page = await objectsAfter(parts, after)
    for (const row of page) {
      await options.passed()
      progress({ done: tally.count, total, unit: 'blobs', at: row.digest })
      await checkObject(parts, row, options, tally)
    }
    const last = page.at(-1)
    if (!last) break
    after = last.digest
  }
  await checkLayouts(parts, options, tally)
  progress({ done: tally.count, total: tally.count, unit: 'blobs' })
  return tally.report()
}
