// SPDX-License-Identifier: AGPL-3.0-or-later
import { readBaseTree } from './base-tree.ts'
import type { ByteSource } from './byte-source.ts'
import { notComposable } from './faults.ts'
import { Fields, utf8 } from './fields.ts'
import { type GraftedTree, graft, type Scion } from './graft.ts'
import type { Patch } from './patches.ts'
import { FIRST_DESCRIPTOR, SECTOR } from './sector.ts'
import type { Tail } from './tail.ts'
import { readDescriptors, rootOf } from './volume.ts'

/** Sectors behind the descriptors in which a UDF file system would announce itself. */
const UDF_SECTORS = 16
/** What implantisomd5 writes into the primary descriptor's room for applications. */
const IMPLANTED = utf8('ISO MD5SUM')
const APPLICATION_USE = { at: 883, length: 512 }

/** The second file system would be the one that is mounted, and show no task. */
async function refuseUdf(source: ByteSource, firstLba: number): Promise<void> {
  for (let lba = firstLba; lba < firstLba + UDF_SECTORS; lba += 1) {
    if ((lba + 1) * SECTOR > source.sizeBytes) return
    const id = await source.read(lba * SECTOR + 1, 5)
    if (Buffer.compare(id, utf8('BEA01')) === 0)
      throw notComposable('it has a UDF file system too, in which the task would not appear')
  }
}

/** A descriptor that knows where its tree stands now, and how far the volume goes. */
function patchedDescriptor(descriptor: Uint8Array, tree: GraftedTree, sectors: number) {
  const { root, pathTable } = tree
  const fields = new Fields(Uint8Array.from(descriptor))
    .both32(80, sectors)
    .both32(132, pathTable.sizeBytes)
    .le32(140, pathTable.lbaL)
    .be32(148, pathTable.lbaM)
    // No second copies of the path tables.
    .le32(144, 0)
    .be32(152, 0)
    .u8(157, 0)
    .both32(158, root.lba)
    .both32(166, root.sizeBytes)
  const { at, length } = APPLICATION_USE
  const implanted = descriptor.subarray(at, at + IMPLANTED.length)
  // The sum is that of the image alone; checkisomd5 takes none for "not checked", not for a failure.
  if (Buffer.compare(implanted, IMPLANTED) === 0) fields.text(at, length, '')
  return fields.bytes
}

const isTree = ([type]: Uint8Array) => type === 1 || type === 2

/**
 * Puts the scion into every tree of an image: plain with or without Rock Ridge, Joliet,
 * ISO 9660:1999. `restSectors` of the volume follow behind the tail.
 */
export async function graftTrees(
  source: ByteSource,
  scion: Scion,
  tail: Tail,
  restSectors: number,
): Promise<readonly Patch[]> {
  const descriptors = await readDescriptors(source)
  await refuseUdf(source, FIRST_DESCRIPTOR + descriptors.length)
  // Descriptors may share a tree.
  const byRoot = Map.groupBy(descriptors.filter(isTree), (each) => rootOf(each).start)
  const trees = new Map<Uint8Array, GraftedTree>()
  const patches: Patch[] = []
  for (const sharing of byRoot.values()) {
    const tree = graft(await readBaseTree(source, sharing), scion, tail)
    for (const descriptor of sharing) trees.set(descriptor, tree)
    patches.push(...tree.patches)
  }
  for (const [i, descriptor] of descriptors.entries()) {
    const tree = trees.get(descriptor)
    if (!tree) continue
    const bytes = patchedDescriptor(descriptor, tree, tail.endLba + restSectors)
    patches.push({ start: (FIRST_DESCRIPTOR + i) * SECTOR, bytes })
  }
  return patches
}
