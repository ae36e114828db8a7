// SPDX-License-Identifier: AGPL-3.0-or-later
import { isoFaults } from './faults.ts'
import { Fields } from './fields.ts'

/** The 360 KiB floppy: the smallest FAT12 that every firmware and tool reads. */
const SECTOR = 512
const SECTORS = 720
const SECTORS_PER_CLUSTER = 2
const FAT_SECTORS = 2
const ROOT_ENTRIES = 112
const MEDIA = 0xfd

const ENTRY = 32
const CLUSTER = SECTOR * SECTORS_PER_CLUSTER
const FATS_AT = SECTOR
const ROOT_AT = FATS_AT + 2 * FAT_SECTORS * SECTOR
const DATA_AT = ROOT_AT + ROOT_ENTRIES * ENTRY
/** Clusters are counted from 2. */
const FIRST_CLUSTER = 2
const CLUSTERS = Math.floor((SECTORS * SECTOR - DATA_AT) / CLUSTER)
const LAST_OF_CHAIN = 0xfff
/** 1 January 2020. */
const DATE = ((2020 - 1980) << 9) | (1 << 5) | 1

const IS_DIRECTORY = 0x10
const IS_FILE = 0x20

/** Directories are maps, files are bytes; names in 8.3 form. */
export interface FatTree extends ReadonlyMap<string, Uint8Array | FatTree> {}

/** `BOOTX64.EFI` as 11 characters. */
function shortName(name: string): string {
  const match = /^([A-Z0-9_-]{1,8})(?:\.([A-Z0-9_-]{1,3}))?$/.exec(name)
  if (!match) throw isoFaults.name(`${name} is no 8.3 name; a FAT image here takes no other`)
  return (match[1] ?? '').padEnd(8) + (match[2] ?? '').padEnd(3)
}

function directoryEntry(name: string, attributes: number, cluster: number, sizeBytes: number) {
  return new Fields(ENTRY)
    .text(0, 11, name)
    .u8(11, attributes)
    .le16(16, DATE)
    .le16(18, DATE)
    .le16(24, DATE)
    .le16(26, cluster)
    .le32(28, sizeBytes).bytes
}

class FatWriter {
  readonly image = new Fields(SECTORS * SECTOR)
  #nextCluster = FIRST_CLUSTER

  /** Takes clusters in a row and chains them. Returns the first, 0 for nothing. */
  #take(sizeBytes: number): number {
    const first = this.#nextCluster
    const count = Math.ceil(sizeBytes / CLUSTER)
    if (first + count > FIRST_CLUSTER + CLUSTERS)
      throw isoFaults.tooLarge('the files do not fit into a FAT image of 360 KiB; take some out')
    for (let i = 0; i < count; i += 1)
      this.#link(first + i, i === count - 1 ? LAST_OF_CHAIN : first + i + 1)
    this.#nextCluster += count
    return count === 0 ? 0 : first
  }

  /** FAT12: two entries in three bytes. */
  #link(cluster: number, next: number): void {
    for (const fatAt of [FATS_AT, FATS_AT + FAT_SECTORS * SECTOR]) {
      const at = fatAt + Math.floor(cluster * 1.5)
      const [low = 0, high = 0] = this.image.bytes.subarray(at, at + 2)
      if (cluster % 2 === 0) this.image.u8(at, next & 0xff).u8(at + 1, (high & 0xf0) | (next >> 8))
      else this.image.u8(at, (low & 0x0f) | ((next & 0xf) << 4)).u8(at + 1, next >> 4)
    }
  }

  header(): void {
    this.image
      .put(0, Uint8Array.of(0xeb, 0x3c, 0x90))
      .text(3, 8, 'SLIPWAY')
      .le16(11, SECTOR)
      .u8(13, SECTORS_PER_CLUSTER)
      .le16(14, 1) // reserved sectors
      .u8(16, 2) // FATs
      .le16(17, ROOT_ENTRIES)
      .le16(19, SECTORS)
      .u8(21, MEDIA)
      .le16(22, FAT_SECTORS)
      .le16(24, 9) // sectors of a track
      .le16(26, 2) // heads
      .u8(38, 0x29) // label and type follow
      .text(43, 11, 'NO NAME')
      .text(54, 8, 'FAT12')
      .u8(510, 0x55)
      .u8(511, 0xaa)
    this.#link(0, 0xf00 | MEDIA)
    this.#link(1, LAST_OF_CHAIN)
  }

  /** Writes the entries of a directory at byte `at`, and below it whatever they hold. */
  directory(tree: FatTree, at: number, ownCluster: number, parentCluster: number): void {
    let next = at
    const add = (entry: Uint8Array) => {
      this.image.put(next, entry)
      next += ENTRY
    }
    if (ownCluster !== 0) {
      add(directoryEntry('.', IS_DIRECTORY, ownCluster, 0))
      add(directoryEntry('..', IS_DIRECTORY, parentCluster, 0))
    }
    for (const [name, content] of tree) {
      const isFile = content instanceof Uint8Array
      // Two entries of its own, and one that ends the list.
      const sizeBytes = isFile ? content.length : (content.size + 3) * ENTRY
      const cluster = this.#take(sizeBytes)
      const contentAt = DATA_AT + (cluster - FIRST_CLUSTER) * CLUSTER
      add(
        directoryEntry(
          shortName(name),
          isFile ? IS_FILE : IS_DIRECTORY,
          cluster,
          isFile ? sizeBytes : 0,
        ),
      )
      if (!isFile) this.directory(content, contentAt, cluster, ownCluster)
      else if (sizeBytes > 0) this.image.put(contentAt, content)
    }
  }
}

/** A FAT12 image of 360 KiB, as UEFI wants it on a CD. The same tree gives the same bytes. */
export function fatImage(tree: FatTree): Uint8Array<ArrayBuffer> {
  if (tree.size > ROOT_ENTRIES)
    throw isoFaults.tooLarge(`the root of a FAT image here holds ${ROOT_ENTRIES} names`)
  const writer = new FatWriter()
  writer.header()
  writer.directory(tree, ROOT_AT, 0, 0)
  return writer.image.bytes
}
