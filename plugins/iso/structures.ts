// SPDX-License-Identifier: AGPL-3.0-or-later
import { encodeBootCatalog } from './boot-catalog.ts'
import { encodeRecord, GOES_ON, IS_DIRECTORY } from './directory-record.ts'
import { Fields } from './fields.ts'
import type { DirectoryPlan, RecordPlan } from './hierarchy.ts'
import type { DirectoryPlace, IsoLayout, PlacedHierarchy } from './layout.ts'
import { encodePathTable, type PathEntry } from './path-table.ts'
import { continuation } from './rock-ridge.ts'
import { FIRST_DESCRIPTOR, SECTOR, sectorsOf } from './sector.ts'
import type { IsoDirectory } from './tree.ts'
import { bootRecord, terminator, volumeDescriptor } from './volume-descriptor.ts'

/** Bytes, and the sector where they begin. */
export interface Placed {
  readonly lba: number
  readonly bytes: Uint8Array
}

/** What of a hierarchy and a layout the records of a directory need. */
type Places = Pick<PlacedHierarchy, 'places'>
type Files = Pick<IsoLayout, 'files' | 'modifiedAt'>

function placeOf(hierarchy: Places, directory: IsoDirectory): DirectoryPlace {
  const place = hierarchy.places.get(directory)
  if (!place) throw new Error(`${directory.path} has no place in the image`)
  return place
}

/** The hierarchy's directories for its path table; the root is its own parent. */
const pathEntries = (hierarchy: PlacedHierarchy): PathEntry[] =>
  hierarchy.plans.map(({ identifier, directory, parent }) => ({
    identifier,
    lba: placeOf(hierarchy, directory).lba,
    parentNumber: parent?.number ?? 1,
  }))

/** Where the record's bytes are: of a directory its own extent, of a file one section. */
function target({ node, section }: RecordPlan, hierarchy: Places, layout: Files) {
  if (node.kind === 'directory') return { ...placeOf(hierarchy, node), flags: IS_DIRECTORY }
  const first = node.kind === 'file' ? (layout.files.get(node) ?? 0) : 0
  return {
    lba: first + sectorsOf(section.start),
    sizeBytes: section.length,
    flags: section.goesOn ? GOES_ON : 0,
  }
}

/** Records of a directory, and behind them what did not fit into them. */
export function encodeDirectory(plan: DirectoryPlan, hierarchy: Places, layout: Files): Placed {
  const { lba } = placeOf(hierarchy, plan.directory)
  const bytes = new Fields(plan.sizeBytes + plan.continuationBytes)
  const areasLba = lba + sectorsOf(plan.sizeBytes)
  const pointer = ({ offset, length }: RecordPlan['areas'][number]) =>
    continuation(areasLba + Math.floor(offset / SECTOR), offset % SECTOR, length)
  let at = 0
  for (const record of plan.records) {
    const { areas, entries, identifier } = record
    const [firstArea] = areas
    if ((at % SECTOR) + record.lengthBytes > SECTOR) at = sectorsOf(at) * SECTOR
    bytes.put(
      at,
      encodeRecord({
        ...target(record, hierarchy, layout),
        identifier,
        modifiedAt: layout.modifiedAt,
        systemUse: firstArea ? [...entries, pointer(firstArea)] : entries,
      }),
    )
    at += record.lengthBytes
    areas.forEach((area, i) => {
      const next = areas[i + 1]
      let place = plan.sizeBytes + area.offset
      for (const entry of next ? [...area.entries, pointer(next)] : area.entries) {
        bytes.put(place, entry)
        place += entry.length
      }
    })
  }
  return { lba, bytes: bytes.bytes }
}

function descriptors(layout: IsoLayout): Uint8Array[] {
  const describe = (kind: 'primary' | 'joliet') => {
    const hierarchy = layout[kind]
    const [root] = hierarchy.plans
    if (!root) throw new Error('an image has a root directory')
    return volumeDescriptor(kind, {
      volumeId: layout.volumeId,
      modifiedAt: layout.modifiedAt,
      sectors: sectorsOf(layout.sizeBytes),
      pathTable: hierarchy.pathTable,
      root: placeOf(hierarchy, root.directory),
    })
  }
  return [
    describe('primary'),
    ...(layout.catalog ? [bootRecord(layout.catalog.lba)] : []),
    describe('joliet'),
    terminator(),
  ]
}

/** Everything of the image but the files, in the order of its places. */
export function* structures(layout: IsoLayout): Generator<Placed> {
  let lba = FIRST_DESCRIPTOR
  for (const bytes of descriptors(layout)) {
    yield { lba, bytes }
    lba += 1
  }
  for (const hierarchy of [layout.primary, layout.joliet]) {
    const entries = pathEntries(hierarchy)
    yield { lba: hierarchy.pathTable.lbaL, bytes: encodePathTable(entries, 'le') }
    yield { lba: hierarchy.pathTable.lbaM, bytes: encodePathTable(entries, 'be') }
  }
  for (const hierarchy of [layout.primary, layout.joliet]) {
    for (const plan of hierarchy.plans) yield encodeDirectory(plan, hierarchy, layout)
  }
  const [first, ...others] = layout.catalog?.entries ?? []
  if (layout.catalog && first)
    yield { lba: layout.catalog.lba, bytes: encodeBootCatalog([first, ...others]) }
}
