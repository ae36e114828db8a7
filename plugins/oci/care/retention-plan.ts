// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, eq, gt } from 'drizzle-orm'
import type { OciRetentionRule } from '../../../schemas/oci-admin.ts'
import type { OciRetentionPlan } from '../../../schemas/oci-report.ts'
import type { OciStore } from '../store.ts'
import { leases, tagHistory, tags } from '../tables.ts'
import type { TaskRun } from './care-tasks.ts'
import { repositoryNames } from './fsck.ts'
import { judgeTags, type Verdict } from './retention-rules.ts'

const MOST_TOLD = 1_000

/** What the rules say of the tags of one repository, as they are now. */
async function judgeRepository(
  store: OciStore,
  rules: readonly OciRetentionRule[],
  repository: string,
): Promise<readonly Verdict[]> {
  const now = store.now()
  const { read } = store.db
  const [all, held] = await Promise.all([
    read.select().from(tags).where(eq(tags.repository, repository)),
    read
      .select({ digest: leases.digest })
      .from(leases)
      .where(and(eq(leases.repository, repository), gt(leases.until, now))),
  ])
  return judgeTags(rules, repository, all, {
    now,
    isImmutable: (tag) => store.rules.isImmutable(repository, tag),
    leased: new Set(held.map(({ digest }) => digest)),
  })
}

interface Told {
  readonly remove: OciRetentionPlan['remove'][number][]
  readonly keep: OciRetentionPlan['keep'][number][]
  removed: number
  kept: number
}

function tell(told: Told, repository: string, verdicts: readonly Verdict[], most: number): void {
  for (const { tag, rule, why } of verdicts) {
    const { name, digest, setAt } = tag
    const named = { repository, tag: name, digest }
    if (why.length > 0) {
      told.kept++
      if (told.keep.length < MOST_TOLD) told.keep.push({ ...named, why: [...why] })
      continue
    }
    told.removed++
    if (told.remove.length < most) {
      told.remove.push({ ...named, pushed_at: new Date(setAt).toISOString(), rule })
    }
  }
}

const reportOf = ({ remove, keep, removed, kept }: Told): OciRetentionPlan => ({
  ...{ kind: 'retention', remove, removed, keep, kept },
  truncated: remove.length < removed || keep.length < kept,
})

const nothingTold = (): Told => ({ remove: [], keep: [], removed: 0, kept: 0 })

/** What an application of these rules would remove just now. Changes nothing. */
export async function planRetention(
  store: OciStore,
  rules: readonly OciRetentionRule[],
): Promise<OciRetentionPlan> {
  const told = nothingTold()
  for (const repository of await repositoryNames(store)) {
    const verdicts = await judgeRepository(store, rules, repository)
    tell(told, repository, verdicts, Number.POSITIVE_INFINITY)
  }
  return reportOf(told)
}

/** All tags of one repository that go, go in one transaction; a tag that moved meanwhile stays. */
async function removeTags(
  store: OciStore,
  repository: string,
  verdicts: readonly Verdict[],
): Promise<void> {
  const going = verdicts.filter(({ why }) => why.length === 0).map(({ tag }) => tag)
  if (going.length === 0) return
  const at = store.now()
  await store.db.write(async (tx) => {
    for (const { name, digest } of going) {
      const gone = await tx
        .delete(tags)
        .where(and(eq(tags.repository, repository), eq(tags.name, name), eq(tags.digest, digest)))
        .returning({ name: tags.name })
      if (gone.length === 0) continue
      await tx.insert(tagHistory).values({
        ...{ repository, tag: name, digest: null, at, by: 'retention', action: 'retention' },
      })
    }
  })
  for (const { name } of going) store.tags.forget(repository, name)
  store.layouts.changed(repository)
}

/** Removes the tags that no rule keeps; their images go with the next garbage collection. */
export async function applyRetention(store: OciStore, run: TaskRun): Promise<OciRetentionPlan> {
  const told = nothingTold()
  const names = await repositoryNames(store)
  for (const [done, repository] of names.entries()) {
    run.signal.throwIfAborted()
    run.progress({ done, total: names.length, unit: 'repositories', at: repository })
    await store.repositoryLocks.alone(repository, async () => {
      const verdicts = await judgeRepository(store, store.rules.retention(), repository)
      await removeTags(store, repository, verdicts)
      tell(told, repository, verdicts, MOST_TOLD)
    })
  }
  run.progress({ done: names.length, total: names.length, unit: 'repositories' })
  return reportOf(told)
}
