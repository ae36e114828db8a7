// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Dialect, NamedNode } from './dialect.ts'
import { LONGEST_RECORD, recordLength } from './directory-record.ts'
import { isoFaults } from './faults.ts'
import { CONTINUATION_ENTRY } from './rock-ridge.ts'
import { roundUp, SECTOR } from './sector.ts'
import type { IsoDirectory, IsoNode } from './tree.ts'

/** Longest extent of one record: whole sectors below 4 GiB. A longer file has several (ECMA-119 §6.5.1). */
export const LONGEST_EXTENT = 0xffff_f800

/** Numbers of directories have 16 bits in the path table. */
const MOST_DIRECTORIES = 0xffff

/** Entries that stand in the directory's continuation sectors. */
export interface ContinuationArea {
  readonly offset: number
  readonly length: number
  /** Without the pointer to the next area of the same record, for which there is room. */
  readonly entries: readonly Uint8Array[]
}

/** A directory record before anything has its place. */
export interface RecordPlan {
  readonly node: IsoNode
  readonly identifier: Uint8Array
  readonly entries: readonly Uint8Array[]
  readonly areas: readonly ContinuationArea[]
  readonly lengthBytes: number
  /** Part of the file that this record holds; all of it but for files of 4 GiB and more. */
  readonly section: { readonly start: number; readonly length: number; readonly goesOn: boolean }
}

/** A directory of one hierarchy, all of it known but where it stands. */
export interface DirectoryPlan {
  readonly directory: IsoDirectory
  readonly identifier: Uint8Array
  /** The root is its own. */
  readonly parent: DirectoryPlan | undefined
  /** From 1, in the order of the path table. */
  readonly number: number
  readonly records: readonly RecordPlan[]
  /** Whole sectors of records. */
  readonly sizeBytes: number
  /** Whole sectors of continuation areas, right behind. */
  readonly continuationBytes: number
}

/** Deals out continuation space; an area never crosses a sector: Linux refuses that. */
class ContinuationSpace {
  #used = 0

  take(length: number): number {
    if ((this.#used % SECTOR) + length > SECTOR) this.#used = roundUp(this.#used)
    const offset = this.#used
    this.#used += length
    return offset
  }

  get sizeBytes(): number {
    return roundUp(this.#used)
  }
}

const sum = (entries: readonly Uint8Array[]) =>
  entries.reduce((total, entry) => total + entry.length, 0)

/** How many of the entries go into `room`, when a pointer to the rest must fit too. */
function fitting(entries: readonly Uint8Array[], room: number): number {
  if (sum(entries) <= room) return entries.length
  let used = CONTINUATION_ENTRY
  let count = 0
  for (const entry of entries) {
    used += entry.length
    if (used > room) break
    count += 1
  }
  return count
}

function planAreas(entries: readonly Uint8Array[], space: ContinuationSpace): ContinuationArea[] {
  const areas: ContinuationArea[] = []
  for (let rest = entries; rest.length > 0; ) {
    const count = fitting(rest, SECTOR)
    const here = rest.slice(0, count)
    const length = sum(here) + (count < rest.length ? CONTINUATION_ENTRY : 0)
    areas.push({ offset: space.take(length), length, entries: here })
    rest = rest.slice(count)
  }
  return areas
}

function sectionsOf(node: IsoNode): RecordPlan['section'][] {
  const sizeBytes = node.kind === 'file' ? node.sizeBytes : 0
  const sections: RecordPlan['section'][] = []
  let start = 0
  do {
    const length = Math.min(LONGEST_EXTENT, sizeBytes - start)
    sections.push({ start, length, goesOn: start + length < sizeBytes })
    start += length
  } while (start < sizeBytes)
  return sections
}

/** Bytes that the records fill, none of them across a sector. */
function recordSpace(records: readonly RecordPlan[]): number {
  let used = 0
  for (const { lengthBytes } of records) {
    if ((used % SECTOR) + lengthBytes > SECTOR) used = roundUp(used)
    used += lengthBytes
  }
  return roundUp(used)
}

/** The records of one name: one, or one for each section of a file of 4 GiB and more. */
function planRecords(
  { node, identifier }: NamedNode,
  all: readonly Uint8Array[],
  space: ContinuationSpace,
): RecordPlan[] {
  const head = recordLength(identifier.length)
  const entries = all.slice(0, fitting(all, LONGEST_RECORD - head))
  const areas = planAreas(all.slice(entries.length), space)
  const used = head + sum(entries) + (areas.length > 0 ? CONTINUATION_ENTRY : 0)
  const lengthBytes = used + (used % 2)
  return sectionsOf(node).map((section) => ({
    node,
    identifier,
    entries,
    areas,
    lengthBytes,
    section,
  }))
}

const SELF = Uint8Array.of(0)
const PARENT = Uint8Array.of(1)

/** A directory whose children are named. */
function planDirectory(
  place: Pick<DirectoryPlan, 'directory' | 'identifier' | 'parent' | 'number'>,
  named: readonly NamedNode[],
  dialect: Dialect,
): DirectoryPlan {
  const { directory, parent } = place
  const isRoot = parent === undefined
  const above = parent?.directory ?? directory
  const space = new ContinuationSpace()
  const self = { node: directory, identifier: SELF }
  const records = [
    ...planRecords(self, dialect.entries(directory, 'self', isRoot), space),
    ...planRecords(
      { node: above, identifier: PARENT },
      dialect.entries(above, 'parent', isRoot),
      space,
    ),
    ...named.flatMap((child) =>
      planRecords(child, dialect.entries(child.node, 'named', isRoot), space),
    ),
  ]
  return {
    ...place,
    records,
    sizeBytes: recordSpace(records),
    continuationBytes: space.sizeBytes,
  }
}

/** All directories of the tree in the order of the path table: by level, parent, name. */
export function planHierarchy(root: IsoDirectory, dialect: Dialect): readonly DirectoryPlan[] {
  const plans: DirectoryPlan[] = []
  const waiting: Pick<DirectoryPlan, 'directory' | 'identifier' | 'parent'>[] = [
    { directory: root, identifier: SELF, parent: undefined },
  ]
  for (const next of waiting) {
    if (plans.length === MOST_DIRECTORIES)
      throw isoFaults.tooLarge(`an image holds at most ${MOST_DIRECTORIES} directories; pack some`)
    const named = dialect.name(next.directory)
    const plan = planDirectory({ ...next, number: plans.length + 1 }, named, dialect)
    plans.push(plan)
    for (const { node, identifier } of named) {
      if (node.kind === 'directory') waiting.push({ directory: node, identifier, parent: plan })
    }
  }
  return plans
}
