// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { MiB } from '../../../core/units.ts'
import { algorithmOf, type Digest, digestOf, isDigest } from '../store/digest.ts'
import {
  CREATED_AT,
  PUSHED_AT,
  PUSHED_BY,
  REF_NAME,
  SET_AT,
  SET_BY,
  SPARSE,
} from '../store/layouts.ts'
import { type Manifest, readManifest } from '../store/manifest.ts'
import { isTag } from '../store/names.ts'
import type { SparsePolicy } from '../tables.ts'
import { type FoundLayout, type LayoutFile, type Refusal, readFiles } from './rescan-walk.ts'

/** `index.json`; what it says beyond this is of no use here. */
const Index = v.looseObject({
  schemaVersion: v.literal(2),
  manifests: v.array(
    v.looseObject({
      mediaType: v.optional(v.string()),
      digest: v.string(),
      annotations: v.optional(v.record(v.string(), v.string())),
    }),
  ),
  annotations: v.optional(v.record(v.string(), v.string())),
})
type Index = v.InferOutput<typeof Index>
type Entry = Index['manifests'][number]

/** 10,000 tags with their annotations are about 5 MB. */
const LARGEST_INDEX = 256 * MiB
const LARGEST_MANIFEST = 8 * MiB

export interface LayoutManifest {
  readonly digest: Digest
  readonly manifest: Manifest
  readonly sizeBytes: number
  readonly pushedAt: number
  readonly pushedBy: string
}

export interface LayoutTag {
  readonly name: string
  readonly digest: Digest
  readonly setAt: number
  readonly setBy: string
}

/** All that a layout says of its repository. */
export interface ReadLayout {
  readonly files: readonly LayoutFile[]
  readonly manifests: readonly LayoutManifest[]
  readonly tags: readonly LayoutTag[]
  /** Unix ms. */
  readonly createdAt: number
  readonly sparse: SparsePolicy | null
  readonly refused: readonly Refusal[]
}

const timeIn = (annotations: Entry['annotations'], name: string): number | undefined => {
  const text = annotations?.[name] ?? ''
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Throws an error that says what is wrong with it. */
async function readIndex(folder: string): Promise<{ index: Index; modifiedAt: number }> {
  const path = join(folder, 'index.json')
  const found = await lstat(path).catch(() => undefined)
  // A push of blobs alone writes none.
  if (!found) return { index: { schemaVersion: 2, manifests: [] }, modifiedAt: Date.now() }
  if (!found.isFile()) throw new Error('index.json is no regular file')
  if (found.size > LARGEST_INDEX) throw new Error('index.json is too large')
  const parsed = v.safeParse(Index, JSON.parse(await readFile(path, 'utf8')))
  if (!parsed.success) throw new Error('index.json is no image index')
  return { index: parsed.output, modifiedAt: Math.floor(found.mtimeMs) }
}

/**
 * The tag that an entry names. Others write a whole reference there (`host/name:tag`), of which the
 * last part is the tag.
 */
function tagOf({ annotations }: Entry): string | undefined {
  const name = annotations?.[REF_NAME]
  if (name === undefined || isTag(name)) return name
  const last = name.slice(name.lastIndexOf(':') + 1)
  return name.includes('/') && isTag(last) ? last : name
}

interface Reading {
  readonly files: ReadonlyMap<string, LayoutFile>
  readonly allowed: ReadonlySet<string>
  refuse(refusal: Refusal): void
}

/** Reads, checks and understands one manifest; undefined, and a refusal, when one of these fails. */
async function readOne(
  { files, allowed, refuse }: Reading,
  digest: string,
  entry: Entry | undefined,
): Promise<LayoutManifest | undefined> {
  const no = (why: string) => void refuse({ path: digest, why })
  if (!isDigest(digest)) return no('it is no digest')
  const file = files.get(digest)
  if (!file) return no('the layout does not hold this manifest')
  if (file.sizeBytes > LARGEST_MANIFEST) return no('it is too large for a manifest')
  const bytes = await readFile(file.path)
  if (digestOf(bytes, algorithmOf(digest)) !== digest) return no('its bytes have another digest')
  try {
    const manifest = readManifest(bytes, entry?.mediaType, allowed)
    return {
      ...{ digest, manifest, sizeBytes: file.sizeBytes },
      pushedAt: timeIn(entry?.annotations, PUSHED_AT) ?? file.modifiedAt,
      pushedBy: entry?.annotations?.[PUSHED_BY] ?? 'rescan',
    }
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error))
  }
}

/** The manifests that the index names, and those below them that are here. */
async function readManifests(
  reading: Reading,
  entries: readonly Entry[],
): Promise<Map<string, LayoutManifest>> {
  const found = new Map<string, LayoutManifest>()
  const seen = new Set<string>()
  const queue: { digest: string; entry: Entry | undefined }[] = entries.map((entry) => ({
    ...{ digest: entry.digest, entry },
  }))
  for (let next = queue.shift(); next; next = queue.shift()) {
    const { digest, entry } = next
    if (seen.has(digest)) continue
    seen.add(digest)
    const one = await readOne(reading, digest, entry)
    if (!one) continue
    found.set(digest, one)
    for (const child of one.manifest.children) {
      // An index may lack some of its manifests.
      if (child.kind !== 'manifest' || !reading.files.has(child.digest)) continue
      queue.push({ digest: child.digest, entry: undefined })
    }
  }
  return found
}

function tagsOf(
  entries: readonly Entry[],
  manifests: ReadonlyMap<string, LayoutManifest>,
  modifiedAt: number,
  refuse: Reading['refuse'],
): LayoutTag[] {
  const tags = new Map<string, LayoutTag>()
  for (const entry of entries) {
    const name = tagOf(entry)
    const target = manifests.get(entry.digest)
    if (name === undefined || !target) continue
    if (!isTag(name)) {
      refuse({ path: name.slice(0, 200), why: 'it can not be a tag' })
      continue
    }
    tags.set(name, {
      ...{ name, digest: target.digest },
      setAt: timeIn(entry.annotations, SET_AT) ?? modifiedAt,
      setBy: entry.annotations?.[SET_BY] ?? 'rescan',
    })
  }
  return [...tags.values()]
}

const sparseOf = (text: string | undefined): SparsePolicy | null =>
  text === 'none' || text === 'index' || text === 'all' ? text : null

/** Reads a layout. Hashes manifests, and no blob. Throws when it has no index that can be read. */
export async function readLayout(
  layout: FoundLayout,
  allowed: ReadonlySet<string>,
): Promise<ReadLayout> {
  const refused: Refusal[] = []
  const refuse = (refusal: Refusal) => void refused.push(refusal)
  const { index, modifiedAt } = await readIndex(layout.folder)
  const files = await readFiles(layout, refuse)
  const reading: Reading = {
    ...{ allowed, refuse },
    files: new Map(files.map((file) => [file.digest, file])),
  }
  const manifests = await readManifests(reading, index.manifests)
  let oldest = modifiedAt
  for (const { pushedAt } of manifests.values()) oldest = Math.min(oldest, pushedAt)
  return {
    ...{ files, refused, manifests: [...manifests.values()] },
    tags: tagsOf(index.manifests, manifests, modifiedAt, refuse),
    createdAt: timeIn(index.annotations, CREATED_AT) ?? oldest,
    sparse: sparseOf(index.annotations?.[SPARSE]),
  }
}
