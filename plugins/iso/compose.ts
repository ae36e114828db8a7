// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fault } from '../../core/faults.ts'
import type { MediaImage, MediaRegion, MediaSegment } from '../../core/media.ts'
import { writePrivateFile } from '../../core/private-file.ts'
import { imageSource } from './byte-source.ts'
import { isoFaults, notComposable } from './faults.ts'
import type { Scion } from './graft.ts'
import { graftTrees } from './graft-trees.ts'
import type { IsoEntry } from './iso-reader.ts'
import { filesOf } from './layout.ts'
import { openIso } from './open-iso.ts'
import { readPartitionTables } from './partition.ts'
import { joinPatches, type Patch } from './patches.ts'
import { DESCRIPTORS, DIRECTORIES } from './regions.ts'
import { roundUp, SECTOR } from './sector.ts'
import { Tail } from './tail.ts'
import { buildTree, type IsoContent } from './tree.ts'

/** Where the task's files appear. */
const FOLDER = '/task'

export interface ComposeParts {
  /** What boots. */
  readonly base: MediaImage
  /** The task ISO of the job. */
  readonly task: MediaImage
  /** Where the few bytes that are neither's may stand: a file of the job's own. */
  readonly patchPath: string
}

/** Part of one of the images, or bytes that go into the patch file. */
type Piece =
  | Uint8Array
  | { readonly image: MediaImage; readonly start: number; readonly end: number }

/** An entry of the task ISO for a tree; where a file's bytes stand is said beside it. */
function contentOf({ kind, target, sizeBytes }: IsoEntry): IsoContent {
  if (kind === 'directory') return kind
  return kind === 'symlink' ? { linkTo: target ?? '' } : { sizeBytes, pieces: () => [] }
}

/** The task's files below /task, with their places in the composed image. */
async function scionOf(task: MediaImage, taskLba: number): Promise<Scion & { volumeId: string }> {
  const image = await openIso(imageSource(task))
  const contents = new Map<string, IsoContent>()
  const lbas = new Map<string, number>()
  for (const entry of await image.list()) {
    const path = FOLDER + entry.path
    contents.set(path, contentOf(entry))
    // One extent: a task ISO is far below 4 GiB.
    lbas.set(path, taskLba + (entry.extents[0]?.start ?? 0) / SECTOR)
  }
  const root = await buildTree(contents)
  const files = new Map([...filesOf(root)].map((file) => [file, lbas.get(file.path) ?? 0]))
  return { root, files, volumeId: image.volumeId }
}

const zeros = (length: number) => new Uint8Array(length)

/** The base with its patches in place, the task ISO on a sector of its own, and what is new behind it. */
function piecesOf(
  { base, task }: ComposeParts,
  patches: readonly Patch[],
  end: Uint8Array,
): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const { start, bytes } of patches) {
    pieces.push({ image: base, start: at, end: start }, bytes)
    at = start + bytes.length
  }
  return [
    ...pieces,
    { image: base, start: at, end: base.sizeBytes },
    zeros(roundUp(base.sizeBytes) - base.sizeBytes),
    { image: task, start: 0, end: task.sizeBytes },
    zeros(roundUp(task.sizeBytes) - task.sizeBytes),
    end,
  ]
}

/** The segments of an image from `start` up to `end`. */
function cut({ image, start, end }: Exclude<Piece, Uint8Array>): MediaSegment[] {
  const segments: MediaSegment[] = []
  let at = 0
  for (const segment of image.segments) {
    const [from, to] = [Math.max(start, at), Math.min(end, at + segment.length)]
    if (from < to)
      segments.push({
        file: segment.file,
        start: segment.start + from - at,
        length: to - from,
      })
    at += segment.length
  }
  return segments
}

function segmentsOf(pieces: readonly Piece[], patchPath: string): MediaSegment[] {
  let at = 0
  return pieces
    .flatMap((piece) => {
      if (!(piece instanceof Uint8Array)) return cut(piece)
      at += piece.length
      return [{ file: patchPath, start: at - piece.length, length: piece.length }]
    })
    .filter(({ length }) => length > 0)
}

/** What the base tells of a boot, then the task's files; its descriptors are read only as a partition. */
function regionsOf({ base, task }: ComposeParts, taskStart: number, tail: Tail): MediaRegion[] {
  const moved = task.regions.map(({ name, start, length }) => ({
    name: name === DESCRIPTORS ? 'task partition' : name,
    start: start + taskStart,
    length,
  }))
  const start = tail.firstLba * SECTOR
  const added = { name: DIRECTORIES, start, length: tail.endLba * SECTOR - start }
  return [...base.regions, ...moved, added]
}

async function compose(parts: ComposeParts): Promise<MediaImage> {
  const { base, task, patchPath } = parts
  const source = imageSource(base)
  if (await (await openIso(source)).find(FOLDER))
    throw notComposable(`it has ${FOLDER} in its root already`)
  const taskStart = roundUp(base.sizeBytes)
  const taskLength = roundUp(task.sizeBytes)
  const scion = await scionOf(task, taskStart / SECTOR)
  const tables = await readPartitionTables(source)
  const tail = new Tail((taskStart + taskLength) / SECTOR)
  const backupSectors = tables.backupBytes / SECTOR
  const inTrees = await graftTrees(source, scion, tail, backupSectors)
  const partition = { start: taskStart, length: taskLength, name: scion.volumeId }
  const diskBytes = (tail.endLba + backupSectors) * SECTOR
  const { patches, backup } = tables.append(partition, diskBytes)

  const joined = await joinPatches([...patches, ...inTrees], source)
  const pieces = piecesOf(parts, joined, Buffer.concat([tail.bytes, backup]))
  const patchBytes = Buffer.concat(pieces.filter((piece) => piece instanceof Uint8Array))
  await writePrivateFile(patchPath, patchBytes)
  const segments = segmentsOf(pieces, patchPath)
  const hash = new Bun.CryptoHasher('sha256')
  hash.update(`${base.etag}\n${task.etag}\n`).update(patchBytes)
  return {
    sizeBytes: segments.reduce((sum, { length }) => sum + length, 0),
    etag: `"one-${hash.digest('hex')}"`,
    modifiedAt: Math.max(base.modifiedAt, task.modifiedAt),
    segments,
    regions: regionsOf(parts, taskStart, tail),
  }
}

/** Faults of reading that are the base's own: the task ISO is one of ours. */
const OF_THE_BASE = [isoFaults.notIso, isoFaults.corrupt].map((fault) => fault('').code)

/**
 * One image that boots as the base does and carries the task: below /task of its tree, and as a
 * partition for who sees a disk. Nothing of the base is copied: what differs stands in the patch
 * file. Same images, same bytes and etag. Throws `iso.compose` with the reason.
 */
export async function composeIso(parts: ComposeParts): Promise<MediaImage> {
  try {
    return await compose(parts)
  } catch (error) {
    if (error instanceof Fault && OF_THE_BASE.includes(error.code))
      throw notComposable(error.message, error)
    throw error
  }
}
