// SPDX-License-Identifier: AGPL-3.0-or-later
import { asc, eq } from 'drizzle-orm'
import { requestFaults } from '../../../core/faults.ts'
import type { Db } from '../../../core/store/client.ts'
import type { OciPolicy, OciPolicyRequest } from '../../../schemas/oci-policy.ts'
import { policies } from '../access-tables.ts'
import { createPolicyJudge, type PolicyJudge } from './policy.ts'

export interface PolicyBook {
  /** To be called before the first question. */
  open(): Promise<void>
  /** By the policies as they are now. */
  readonly judge: PolicyJudge
  /** Globs that anybody may pull, from the configuration. */
  readonly anonymousPull: readonly string[]
  list(): Promise<readonly OciPolicy[]>
  /** Throws `request.not-found`. */
  get(name: string): Promise<OciPolicy>
  /** Makes it or takes the place of the one of that name; counts from the next request on. */
  put(name: string, policy: OciPolicyRequest, by: string): Promise<OciPolicy>
  /** Throws `request.not-found`. */
  remove(name: string): Promise<void>
}

const view = ({ changedAt, changedBy, ...policy }: typeof policies.$inferSelect): OciPolicy => ({
  ...policy,
  changed_at: new Date(changedAt).toISOString(),
  changed_by: changedBy,
})

const unknown = (name: string) =>
  requestFaults.notFound(
    `there is no policy ${name.slice(0, 64)}: \`slipway oci policy list\` shows them`,
  )

/** Policies live in the database and, compiled, in memory: each request asks them. */
export function createPolicyBook(parts: {
  readonly db: Db
  readonly now: () => number
  readonly anonymousPull: readonly string[]
}): PolicyBook {
  const { db, now, anonymousPull } = parts
  let judge = createPolicyJudge([], anonymousPull)
  const rows = () => db.read.select().from(policies).orderBy(asc(policies.name))
  const reload = async () => {
    judge = createPolicyJudge(await rows(), anonymousPull)
  }
  return {
    open: reload,
    judge: { may: (caller, action, repository) => judge.may(caller, action, repository) },
    anonymousPull,
    list: async () => (await rows()).map(view),
    async get(name) {
      const [row] = await db.read.select().from(policies).where(eq(policies.name, name))
      if (!row) throw unknown(name)
      return view(row)
    },
    async put(name, { repositories, users, groups, jobs, actions }, changedBy) {
      const given = { repositories, users, groups, jobs, actions, changedBy, changedAt: now() }
      const [row] = await db.write((tx) =>
        tx
          .insert(policies)
          .values({ name, ...given })
          .onConflictDoUpdate({ target: policies.name, set: given })
          .returning(),
      )
      await reload()
      if (!row) throw new Error(`policy ${name} was not stored`)
      return view(row)
    },
    async remove(name) {
      const gone = await db.write((tx) =>
        tx.delete(policies).where(eq(policies.name, name)).returning(),
      )
      if (gone.length === 0) throw unknown(name)
      await reload()
    },
  }
}
