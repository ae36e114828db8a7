// SPDX-License-Identifier: AGPL-3.0-or-later
import { sql } from 'drizzle-orm'
import type { Reader, Tx } from '../../../core/store/client.ts'

/** By what a collection decides. Times are Unix ms. */
export interface MarkRules {
  readonly now: number
  /** What was pushed, linked or let go of after this stays. */
  readonly since: number
  /** `keep`: a manifest stays even when nothing names it. */
  readonly untagged: 'collect' | 'keep'
  /** Signature tags whose subject is nowhere in the registry. */
  readonly orphans: 'collect' | 'keep'
  /** What pushing clients were told to be here lately; asked for each repository. */
  readonly promised?: (repository: string) => readonly string[]
  /** So many earlier digests of each tag stay, for a rollback. */
  readonly earlier: number
}

export interface Condemned {
  readonly digest: string
  readonly sizeBytes: number
}

/** What of one repository nothing needs any more. */
export interface Marked {
  readonly manifests: readonly Condemned[]
  /** Legacy signature tags that go with their subjects. */
  readonly tags: readonly { readonly name: string; readonly digest: string }[]
  /** Blobs, and the manifests above: all that the repository will no longer show. */
  readonly links: readonly Condemned[]
}

/**
 * All that stays. Where it begins: tags, what is young, what running jobs hold, the last digests of
 * tags. From there down to children, and up to what speaks of a kept manifest: its referrers, and the
 * tags `sha256-<hex>.sig|.att|.sbom` of old cosign, or without an ending those of old referrers. Such a
 * tag is no root; when its subject lives in another repository it is one, as with a repository that
 * holds nothing but signatures.
 */
const keep = (repository: string, rules: MarkRules) => sql`
  recursive legacy(name, digest, set_at, subject) as materialized (
    select name, digest, set_at, substr(name, 1, 6) || ':' || substr(name, 8, 64)
    from oci_tags
    where repository = ${repository} and name >= 'sha256-' and name < 'sha513'
      and substr(name, 1, 7) in ('sha256-', 'sha512-')
      and length(name) >= 71 and substr(name, 8, 64) not glob '*[^0-9a-f]*'
      and substr(name, 72) in ('', '.sig', '.att', '.sbom')
  ),
  moves as materialized (
    select tag, digest,
      lead(at) over (partition by tag order by seq) as until,
      row_number() over (partition by tag order by seq desc) as age
    from oci_tag_history where repository = ${repository}
  ),
  keep(digest) as (
    select digest from oci_tags
      where repository = ${repository} and name not in (select name from legacy)
    union select digest from legacy
      where set_at > ${rules.since} or ${rules.orphans} = 'keep' or exists (
        select 1 from oci_repository_blobs other
        where other.digest >= subject and other.digest < subject || 'g'
          and other.repository <> ${repository})
    union select digest from oci_manifests
      where repository = ${repository} and (pushed_at > ${rules.since} or ${rules.untagged} = 'keep')
    union select digest from moves
      where digest is not null and (until > ${rules.since} or (age <= ${rules.earlier + 1}
        and tag in (select name from oci_tags where repository = ${repository})
        and tag not in (select name from legacy)))
    union select digest from oci_leases
      where repository = ${repository} and until > ${rules.now}
    union select value from json_each(${JSON.stringify(rules.promised?.(repository) ?? [])})
    union select children.child from keep join oci_manifest_references children
      on children.repository = ${repository} and children.manifest = keep.digest
    union select referrers.digest from keep join oci_manifests referrers
      on referrers.repository = ${repository} and referrers.subject = keep.digest
    union select legacy.digest from keep join legacy
      on legacy.subject = substr(keep.digest, 1, 71)
  )`

/**
 * Finds the garbage of one repository. Inside a write transaction its answer holds until the commit:
 * whoever deletes exactly that there takes nothing that a push, mount or tag came to need meanwhile.
 */
export async function markRepository(
  db: Reader | Tx,
  repository: string,
  rules: MarkRules,
): Promise<Marked> {
  // One statement, so that all three see the same state outside of a transaction too.
  const rows = await db.all<{ kind: string; name: string; digest: string; size: number }>(sql`
    with ${keep(repository, rules)}
    select 'manifest' as kind, '' as name, digest, size_bytes as size from oci_manifests
      where repository = ${repository} and digest not in (select digest from keep)
    union all select 'tag', name, digest, 0 from legacy
      where digest not in (select digest from keep)
    union all select 'link', '', links.digest, coalesce(blobs.size_bytes, 0)
      from oci_repository_blobs links left join oci_blobs blobs on blobs.digest = links.digest
      where links.repository = ${repository} and links.linked_at <= ${rules.since}
        and links.digest not in (select digest from keep)`)
  const condemned = (kind: string): Condemned[] =>
    rows.filter((row) => row.kind === kind).map(({ digest, size }) => ({ digest, sizeBytes: size }))
  return {
    manifests: condemned('manifest'),
    links: condemned('link'),
    tags: rows.filter(({ kind }) => kind === 'tag').map(({ name, digest }) => ({ name, digest })),
  }
}
