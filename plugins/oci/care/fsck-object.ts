// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises'
import { algorithmOf, type Digest, hexOf } from '../store/digest.ts'
import type { Disk } from '../store/disk.ts'
import type { Paths } from '../store/paths.ts'
import type { FindingKind } from '../tables.ts'

/** Something that is not as the rows say. */
export interface Problem {
  readonly kind: FindingKind
  readonly digest?: string
  readonly repository?: string
  readonly detail: string
}

/** An object as its row has it. */
export interface ObjectRow {
  readonly digest: Digest
  readonly sizeBytes: number
  /** Repositories that hold it. */
  readonly holders: readonly string[]
}

/** What is on the disk of one object. */
export interface Inspection {
  /** Of the object itself; undefined: it is whole. */
  readonly damage: Problem | undefined
  /** Of layouts that do not show it as they should. */
  readonly links: readonly Problem[]
  /** A layout's file with the right bytes, where the object itself has not. */
  readonly goodCopy: string | undefined
  /** Bytes that were hashed. */
  readonly hashedBytes: number
}

/** Holds the reading back: called with the bytes that come next. */
export type Pace = (bytes: number) => Promise<void>

export interface InspectParts {
  readonly paths: Paths
  readonly disk: Disk
  /** false: sizes and links only. */
  readonly content: boolean
  readonly pace?: Pace
}

/** Handed to the hashing thread at a stretch. */
const SLICE = 4 * 1_024 * 1_024

async function hashFile(parts: InspectParts, path: string, digest: Digest, sizeBytes: number) {
  const follower = parts.disk.follow(path, algorithmOf(digest))
  try {
    for (let at = 0; parts.pace && at < sizeBytes; at += SLICE) {
      await parts.pace(Math.min(SLICE, sizeBytes - at))
      follower.advance(Math.min(at + SLICE, sizeBytes))
    }
    return await follower.finish(sizeBytes)
  } catch (error) {
    follower.drop()
    throw error
  }
}

interface Verdict {
  readonly kind: 'content' | 'size' | 'missing'
  readonly detail: string
}

const read = (path: string) =>
  lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })

/** Is this file the object? Undefined: yes. A file that the disk can not read is damaged. */
async function judgeFile(
  parts: InspectParts,
  path: string,
  { digest, sizeBytes }: ObjectRow,
): Promise<{ verdict: Verdict | undefined; hashedBytes: number }> {
  const bad = (kind: Verdict['kind'], detail: string) => ({
    verdict: { kind, detail },
    hashedBytes: 0,
  })
  const found = await read(path)
  if (!found) return bad('missing', 'the file is missing')
  if (!found.isFile()) return bad('content', 'it is no regular file')
  if (found.size !== sizeBytes) {
    return bad('size', `the file has ${found.size} bytes, and should have ${sizeBytes}`)
  }
  if (!parts.content) return { verdict: undefined, hashedBytes: 0 }
  const hex = await hashFile(parts, path, digest, sizeBytes).catch((error: Error) => error)
  if (hex instanceof Error) return bad('content', `the file can not be read: ${hex.message}`)
  if (hex === hexOf(digest)) return { verdict: undefined, hashedBytes: sizeBytes }
  return {
    verdict: { kind: 'content', detail: `the file has the digest ${algorithmOf(digest)}:${hex}` },
    hashedBytes: sizeBytes,
  }
}

/** Looks at the file of an object and at the layouts that show it. Changes nothing. */
export async function inspectObject(parts: InspectParts, row: ObjectRow): Promise<Inspection> {
  const { digest } = row
  const path = parts.paths.blob(digest)
  const own = await judgeFile(parts, path, row)
  const stored = await read(path)
  const links: Problem[] = []
  let { hashedBytes } = own
  let goodCopy: string | undefined
  for (const repository of row.holders) {
    const shown = parts.paths.repositoryBlob(repository, digest)
    const link = await read(shown)
    if (link && stored && link.ino === stored.ino && link.dev === stored.dev) continue
    const copy = await judgeFile(parts, shown, row)
    hashedBytes += copy.hashedBytes
    if (!copy.verdict) goodCopy ??= shown
    const detail = copy.verdict
      ? `the layout does not show it: ${copy.verdict.detail}`
      : 'the layout shows a copy of its own: the bytes take room twice'
    links.push({ kind: 'link', digest, repository, detail })
  }
  const damage = own.verdict && { ...own.verdict, digest }
  return { damage, links, goodCopy: damage ? goodCopy : undefined, hashedBytes }
}
