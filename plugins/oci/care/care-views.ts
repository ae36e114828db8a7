// SPDX-License-Identifier: AGPL-3.0-or-later
import { eq, sql } from 'drizzle-orm'
import type { OciInspected, OciRepository, OciTag, OciUpload } from '../../../schemas/oci-admin.ts'
import { algorithmOf, type Digest, digestOf, isDigest } from '../store/digest.ts'
import { readManifest } from '../store/manifest.ts'
import type { Upload } from '../store/uploads.ts'
import type { OciStore } from '../store.ts'
import { manifests, tags } from '../tables.ts'
import { careFaults } from './care-faults.ts'
import type { QuotaUse } from './quota.ts'

const time = (at: number) => new Date(at).toISOString()

export const percentOf = ({ usedBytes, limitBytes }: Pick<QuotaUse, 'usedBytes' | 'limitBytes'>) =>
  Math.round((usedBytes / Math.max(1, limitBytes)) * 1_000) / 10

interface Sums {
  readonly name: string
  readonly createdAt: number
  readonly tags: number
  readonly manifests: number
  readonly blobs: number
  readonly bytes: number
  readonly pushedAt: number | null
}

/** Repositories behind `after` whose names begin with `prefix`, with what they hold. */
export async function repositoriesAfter(
  store: OciStore,
  page: { readonly after: string; readonly prefix: string; readonly limit: number },
): Promise<readonly OciRepository[]> {
  const { after, prefix, limit } = page
  const rows = await store.db.read.all<Sums>(sql`
    select r.name as name, r.created_at as createdAt,
      (select count(*) from oci_tags t where t.repository = r.name) as tags,
      (select count(*) from oci_manifests m where m.repository = r.name) as manifests,
      (select count(*) from oci_repository_blobs b where b.repository = r.name) as blobs,
      (select coalesce(sum(o.size_bytes), 0) from oci_repository_blobs b
        join oci_blobs o on o.digest = b.digest where b.repository = r.name) as bytes,
      (select max(m.pushed_at) from oci_manifests m where m.repository = r.name) as pushedAt
    from oci_repositories r
    where r.name > ${after} and substr(r.name, 1, length(${prefix})) = ${prefix}
    order by r.name limit ${limit}`)
  return rows.map((row) => {
    const quota = store.quota.fullest(row.name)
    return {
      ...{ name: row.name, tags: row.tags, manifests: row.manifests },
      blobs: row.blobs - row.manifests,
      ...{ size_bytes: row.bytes, created_at: time(row.createdAt) },
      ...(row.pushedAt === null ? {} : { pushed_at: time(row.pushedAt) }),
      ...(quota
        ? {
            quota: {
              ...{ limit_bytes: quota.limitBytes, used_bytes: quota.usedBytes },
              percent: percentOf(quota),
            },
          }
        : {}),
    }
  })
}

/** Throws `oci-care.not-found`. */
export async function repositoryView(store: OciStore, name: string): Promise<OciRepository> {
  // Nothing that begins with the whole name stands before it.
  const [found] = await repositoriesAfter(store, { after: '', prefix: name, limit: 1 })
  if (found?.name === name) return found
  throw careFaults.notFound(`there is no repository ${name.slice(0, 200)}`)
}

/** Bytes of a manifest and of all that it reaches in its repository, each object once. */
async function reachedBytes({ db }: OciStore, repository: string, digest: string): Promise<number> {
  const [row] = await db.read.all<{ bytes: number }>(sql`
    with recursive reached(digest) as (
      select ${digest} union
      select c.child from oci_manifest_references c
      join reached on c.manifest = reached.digest where c.repository = ${repository}
    ) select coalesce(sum(o.size_bytes), 0) as bytes from reached
      join oci_repository_blobs b on b.repository = ${repository} and b.digest = reached.digest
      join oci_blobs o on o.digest = b.digest`)
  return row?.bytes ?? 0
}

/** Tags behind `after`, by name. */
export async function tagsAfter(
  store: OciStore,
  repository: string,
  page: { readonly after: string; readonly limit: number },
): Promise<readonly OciTag[]> {
  const entries = await store.tags.entries(repository, page)
  const views: OciTag[] = []
  for (const { name, digest, setAt, setBy } of entries) {
    const record = await store.manifests.find(repository, digest)
    views.push({
      ...{ tag: name, digest, media_type: record?.mediaType ?? '' },
      size_bytes: await reachedBytes(store, repository, digest),
      ...{ pushed_at: time(setAt), pushed_by: setBy },
      immutable: store.rules.isImmutable(repository, name),
    })
  }
  return views
}

async function digestNamed(store: OciStore, repository: string, reference: string) {
  const digest = isDigest(reference) ? reference : await store.tags.find(repository, reference)
  if (digest) return digest
  throw careFaults.notFound(`${repository} has no ${reference.slice(0, 150)}`)
}

/** Its bytes, unless they are damaged or lost. */
async function wholeBytes({ objects }: OciStore, digest: Digest): Promise<Uint8Array | undefined> {
  const bytes = await objects.bytes(digest).catch(() => undefined)
  return bytes && digestOf(bytes, algorithmOf(digest)) === digest ? bytes : undefined
}

interface Descriptor {
  readonly mediaType?: string
  readonly size?: number
}

const asRecord = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

/** What stands at `/layers/0`. */
function descriptorAt(json: unknown, pointer: string): Descriptor {
  const { mediaType, size } = pointer
    .split('/')
    .slice(1)
    .reduce((at, key) => asRecord(asRecord(at)[key]), asRecord(json))
  return {
    ...(typeof mediaType === 'string' ? { mediaType } : {}),
    ...(typeof size === 'number' ? { size } : {}),
  }
}

/** The children and the subject of a manifest, as its bytes tell them. */
async function referencesOf(
  store: OciStore,
  repository: string,
  bytes: Uint8Array,
  json: unknown,
  mediaType: string,
): Promise<OciInspected['references']> {
  const { children, subject } = readManifest(bytes, mediaType, new Set(store.config.manifest_types))
  const all = [
    ...children.map(({ kind, digest, pointer }) => ({ role: kind, digest, pointer })),
    ...(subject ? [{ role: 'subject' as const, digest: subject, pointer: '/subject' }] : []),
  ]
  return Promise.all(
    all.map(async ({ role, digest, pointer }) => {
      const { mediaType: type, size } = descriptorAt(json, pointer)
      return {
        ...{ role, digest },
        ...(type === undefined ? {} : { media_type: type }),
        ...(size === undefined ? {} : { size_bytes: size }),
        present: (await store.objects.find(repository, digest)) !== undefined,
      }
    }),
  )
}

/** Throws `oci-care.not-found`. */
export async function inspect(
  store: OciStore,
  repository: string,
  reference: string,
): Promise<OciInspected> {
  const digest = await digestNamed(store, repository, reference)
  const record = await store.manifests.find(repository, digest)
  if (!record) throw careFaults.notFound(`${repository} has no manifest ${digest}`)
  const bytes = await wholeBytes(store, digest)
  const json: unknown = bytes && JSON.parse(new TextDecoder().decode(bytes))
  const referrers = await store.manifests.referrers(repository, digest, { limit: 1_000 })
  return {
    ...{ repository, digest, media_type: record.mediaType },
    ...(record.artifactType === null ? {} : { artifact_type: record.artifactType }),
    size_bytes: record.sizeBytes,
    total_bytes: await reachedBytes(store, repository, digest),
    pushed_at: time(record.pushedAt),
    tags: [...(await store.tags.of(repository, digest))],
    ...(record.subject === null ? {} : { subject: record.subject }),
    references: bytes ? await referencesOf(store, repository, bytes, json, record.mediaType) : [],
    referrers: referrers.map((one) => ({
      ...{ digest: one.digest, media_type: one.mediaType, size_bytes: one.sizeBytes },
      ...(one.artifactType === null ? {} : { artifact_type: one.artifactType }),
    })),
    damaged: bytes === undefined || (await store.objects.find(repository, digest)) === undefined,
    ...(bytes ? { manifest: asRecord(json) } : {}),
  }
}

export const uploadView = (upload: Upload, ttlMs: number): OciUpload => ({
  ...{ id: upload.id, repository: upload.repository, offset_bytes: upload.sizeBytes },
  ...{ started_at: time(upload.createdAt), touched_at: time(upload.lastAt) },
  ...{ expires_at: time(upload.lastAt + ttlMs), started_by: upload.by },
})

/** Digests of all manifests and names of all tags: what goes with a repository. */
export async function contentsOf({ db }: OciStore, repository: string) {
  const [names, digests] = await Promise.all([
    db.read.select({ name: tags.name }).from(tags).where(eq(tags.repository, repository)),
    db.read
      .select({ digest: manifests.digest })
      .from(manifests)
      .where(eq(manifests.repository, repository)),
  ])
  return { tags: names.map(({ name }) => name), manifests: digests.map(({ digest }) => digest) }
}
