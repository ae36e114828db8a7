// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises'
import { sql } from 'drizzle-orm'
import type { Reader } from '../../../core/store/client.ts'
import { isDigest } from '../store/digest.ts'
import { readManifest } from '../store/manifest.ts'
import type { Paths } from '../store/paths.ts'
import type { SparsePolicy } from '../tables.ts'
import type { Problem } from './fsck-object.ts'

/** Rows that name what has no row. Each is found by an index, so that this may be asked often. */
const DANGLING = {
  'the tag points at a manifest that is not here': sql`
    select t.repository as repository, t.digest as digest, t.name as name from oci_tags t
    where not exists (select 1 from oci_manifests m
      where m.repository = t.repository and m.digest = t.digest)`,
  'the repository does not hold the bytes of this manifest': sql`
    select m.repository as repository, m.digest as digest, '' as name from oci_manifests m
    where not exists (select 1 from oci_repository_blobs b
      where b.repository = m.repository and b.digest = m.digest)`,
  'the repository holds an object that is not in the store': sql`
    select b.repository as repository, b.digest as digest, '' as name from oci_repository_blobs b
    where not exists (select 1 from oci_blobs o where o.digest = b.digest)`,
  'the repository itself has no row': sql`
    select b.repository as repository, b.digest as digest, '' as name from oci_repository_blobs b
    where not exists (select 1 from oci_repositories r where r.name = b.repository)
    group by b.repository`,
}

interface Missing {
  readonly repository: string
  readonly manifest: string
  readonly child: string
  readonly sparse: SparsePolicy | null
}

/** Children that are not there. Those of an index may lack by policy, foreign layers always. */
async function missingChildren(
  read: Reader,
  paths: Paths,
  sparse: SparsePolicy,
): Promise<Problem[]> {
  const rows = await read.all<Missing>(sql`
    select c.repository as repository, c.manifest as manifest, c.child as child, r.sparse as sparse
    from oci_manifest_references c left join oci_repositories r on r.name = c.repository
    where (c.kind <> 'manifest' or coalesce(r.sparse, ${sparse}) = 'none')
      and coalesce(r.sparse, ${sparse}) <> 'all'
      and not exists (select 1 from oci_repository_blobs b
        where b.repository = c.repository and b.digest = c.child)`)
  const problems: Problem[] = []
  for (const { repository, manifest, child } of rows) {
    if (!isDigest(manifest) || (await isForeign(paths, manifest, child))) continue
    const detail = `the manifest ${manifest} needs it, and the repository does not hold it`
    problems.push({ kind: 'row', repository, digest: child, detail })
  }
  return problems
}

async function isForeign(paths: Paths, manifest: string, child: string): Promise<boolean> {
  if (!isDigest(manifest)) return false
  try {
    const bytes = await readFile(paths.blob(manifest))
    const { children } = readManifest(bytes, undefined)
    return children.some((each) => each.digest === child && each.foreign)
  } catch {
    return false // damaged: that is told where the object is looked at
  }
}

/** What in the rows contradicts itself. Changes nothing. */
export async function inspectRows(
  read: Reader,
  paths: Paths,
  sparse: SparsePolicy,
): Promise<readonly Problem[]> {
  const problems: Problem[] = []
  for (const [detail, query] of Object.entries(DANGLING)) {
    const rows = await read.all<{ repository: string; digest: string; name: string }>(query)
    for (const { repository, digest, name } of rows) {
      const where = name === '' ? detail : `${name}: ${detail}`
      problems.push({ kind: 'row', repository, digest, detail: where })
    }
  }
  return [...problems, ...(await missingChildren(read, paths, sparse))]
}
