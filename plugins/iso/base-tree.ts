// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ByteSource } from './byte-source.ts'
import {
  type Dialect,
  jolietDialect,
  longDialect,
  plainDialect,
  primaryDialect,
} from './dialect.ts'
import { decodeRecord, splitRecords } from './directory.ts'
import { notComposable } from './faults.ts'
import { decodePathTable } from './path-table.ts'
import { type PathNode, pathTree } from './path-tree.ts'
import { SECTOR } from './sector.ts'
import { sharingOffset } from './system-use.ts'
import { FIXED_TIME } from './time.ts'
import { type Extent, isJoliet, isLong, rootOf } from './volume.ts'

/** Largest root directory and largest path table that we take in, in bytes. */
const LARGEST_TABLE = 4 * 1_048_576
/** Directories in the root; each costs a read. */
const MOST_DIRECTORIES = 4_096

/** A tree of an image, as far as a new directory in its root concerns it. */
export interface BaseTree {
  readonly dialect: Dialect
  /** As they stand, `.` and `..` first. */
  readonly records: readonly Uint8Array[]
  /** Bytes in the image where a directory of the root says of its `..` where the root stands. */
  readonly parentPlaces: readonly number[]
  readonly paths: PathNode
}

/** What of an image is read at once: nothing outside of it, and no more than it may be. */
async function stretch(source: ByteSource, { start, length }: Extent, what: string) {
  if (length === 0 || length > LARGEST_TABLE || start + length > source.sizeBytes)
    throw notComposable(
      `its ${what} should have ${length} bytes at ${start} of ${source.sizeBytes}, which can not be`,
    )
  return await source.read(start, length)
}

const isName = (identifier: Uint8Array, byte: number) =>
  identifier.length === 1 && identifier[0] === byte

/** How the tree names things: Joliet and ISO 9660:1999 by their descriptors, Rock Ridge by its root. */
function dialectOf(descriptors: readonly Uint8Array[], self: Uint8Array): Dialect {
  if (descriptors.some(isJoliet)) return jolietDialect
  const skip = sharingOffset(decodeRecord(self).systemUse)
  if (skip === undefined) return descriptors.some(isLong) ? longDialect : plainDialect
  if (skip > 0) throw notComposable('its records keep bytes of a system that we do not know')
  return primaryDialect(FIXED_TIME)
}

/** Where the `..` of a directory says how large the root is and where; undefined when it names another. */
async function parentPlace(source: ByteSource, { start }: Extent, root: Extent) {
  const [self, parent] = splitRecords(await stretch(source, { start, length: SECTOR }, 'directory'))
  if (!self || !parent || !isName(decodeRecord(parent).identifier, 1))
    throw notComposable(`what should be a directory at byte ${start} is none`)
  if (decodeRecord(parent).extent.start !== root.start) return undefined
  return start + self.length
}

/** Reads the tree that all these descriptors have as theirs. */
export async function readBaseTree(
  source: ByteSource,
  descriptors: readonly Uint8Array[],
): Promise<BaseTree> {
  const [descriptor] = descriptors
  if (!descriptor) throw new Error('a tree has a descriptor')
  const root = rootOf(descriptor)
  const records = [...splitRecords(await stretch(source, root, 'root directory'))]
  const [self, parent, ...others] = records
  if (
    !self ||
    !parent ||
    !isName(decodeRecord(self).identifier, 0) ||
    !isName(decodeRecord(parent).identifier, 1)
  )
    throw notComposable('its root directory does not begin with itself')

  const directories = others.map(decodeRecord).filter(({ isDirectory }) => isDirectory)
  if (directories.length > MOST_DIRECTORIES)
    throw notComposable(`its root holds more than ${MOST_DIRECTORIES} directories`)
  const parentPlaces: number[] = []
  for (const { extent } of directories) {
    const place = await parentPlace(source, extent, root)
    if (place !== undefined) parentPlaces.push(place)
  }
  const view = new DataView(descriptor.buffer, descriptor.byteOffset, descriptor.byteLength)
  const table = { start: view.getUint32(140, true) * SECTOR, length: view.getUint32(132, true) }
  const paths = pathTree(decodePathTable(await stretch(source, table, 'path table')))
  return { dialect: dialectOf(descriptors, self), records, parentPlaces, paths }
}
