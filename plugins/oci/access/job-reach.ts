// SPDX-License-Identifier: AGPL-3.0-or-later
import { and, eq, inArray } from 'drizzle-orm'
import type { Reader } from '../../../core/store/client.ts'
import { manifestReferences } from '../tables.ts'

/** Manifests of one query: SQLite takes 32,766 variables. */
const AT_ONCE = 500

/** A manifest with all that it leads to: manifests of an index, configs and layers. */
export async function reachOf(
  db: Reader,
  repository: string,
  digest: string,
): Promise<ReadonlySet<string>> {
  const reached = new Set([digest])
  let next = [digest]
  while (next.length > 0) {
    const parents = next.splice(0, AT_ONCE)
    const rows = await db
      .select({ child: manifestReferences.child, kind: manifestReferences.kind })
      .from(manifestReferences)
      .where(
        and(
          eq(manifestReferences.repository, repository),
          inArray(manifestReferences.manifest, parents),
        ),
      )
    for (const { child, kind } of rows) {
      if (reached.has(child)) continue
      reached.add(child)
      if (kind === 'manifest') next = [...next, child]
    }
  }
  return reached
}
