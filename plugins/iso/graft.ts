// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BaseTree } from './base-tree.ts'
import { decodeRecord, splitRecords } from './directory.ts'
import { recordLength } from './directory-record.ts'
import { notComposable } from './faults.ts'
import { Fields } from './fields.ts'
import { type DirectoryPlan, planHierarchy } from './hierarchy.ts'
import type { DirectoryPlace } from './layout.ts'
import type { Patch } from './patches.ts'
import { encodePathTable } from './path-table.ts'
import { addChild, compareIdentifiers, type PathNode, pathEntries } from './path-tree.ts'
import { roundUp, SECTOR } from './sector.ts'
import { encodeDirectory, type Placed } from './structures.ts'
import type { Tail } from './tail.ts'
import { FIXED_TIME } from './time.ts'
import type { IsoDirectory, IsoFile } from './tree.ts'

/** What is put into a tree: a root that holds one directory, and where its files stand. */
export interface Scion {
  readonly root: IsoDirectory
  readonly files: ReadonlyMap<IsoFile, number>
}

/** A tree with the scion in it: what a descriptor must say of it, and what changes in the image. */
export interface GraftedTree {
  readonly root: DirectoryPlace
  readonly pathTable: { readonly sizeBytes: number; readonly lbaL: number; readonly lbaM: number }
  readonly patches: readonly Patch[]
}

/** Lays records out; none crosses a sector. */
function layRecords(records: readonly Uint8Array[]): Uint8Array {
  const places: number[] = []
  let at = 0
  for (const { length } of records) {
    if ((at % SECTOR) + length > SECTOR) at = roundUp(at)
    places.push(at)
    at += length
  }
  const bytes = new Fields(roundUp(at))
  records.forEach((record, i) => {
    bytes.put(places[i] ?? 0, record)
  })
  return bytes.bytes
}

/** A name as no system may tell it from another: no version, no lonely dot, no letter case. */
const bare = (identifier: Uint8Array) =>
  new TextDecoder('latin1')
    .decode(identifier)
    // Joliet's names have two bytes a letter.
    .replaceAll('\0', '')
    .replace(/\.?(;\d+)?$/, '')
    .toUpperCase()

/** The root's records with one more, at the place that its name gives it. */
function withRecord(records: readonly Uint8Array[], added: Uint8Array): Uint8Array[] {
  const { identifier } = decodeRecord(added)
  const names = records.map((record) => decodeRecord(record).identifier)
  if (names.some((name) => bare(name) === bare(identifier)))
    throw notComposable('it has a file or directory of the name task in its root already')
  // `.` and `..` stay first.
  const place = names.findIndex((name, i) => i > 1 && compareIdentifiers(name, identifier) > 0)
  return records.toSpliced(place === -1 ? records.length : place, 0, added)
}

/**
 * One more directory in this one: its count of links in Rock Ridge, by which `find` may go. 1 stays
 * 1: xorriso writes it for "not counted", and 2 would say that there are no directories at all.
 */
function countLink(record: Fields): void {
  const { bytes } = record
  const view = new DataView(bytes.buffer)
  for (let at = recordLength(bytes[32] ?? 0); at + 4 <= bytes.length; ) {
    const length = bytes[at + 2] ?? 0
    if (length < 4 || at + length > bytes.length) return
    const isPosix = bytes[at] === 0x50 && bytes[at + 1] === 0x58 && length >= 20
    const links = isPosix ? view.getUint32(at + 12, true) : 0
    if (links > 1) record.both32(at + 12, links + 1)
    at += length
  }
}

/** A record of the root itself, at its new place; an extended attribute record stays behind. */
function moved(record: Uint8Array, { lba, sizeBytes }: DirectoryPlace): Uint8Array {
  const fields = new Fields(Uint8Array.from(record)).u8(1, 0).both32(2, lba).both32(10, sizeBytes)
  countLink(fields)
  return fields.bytes
}

type Places = ReadonlyMap<IsoDirectory, DirectoryPlace>

/** The scion's directories as path table nodes: the first is the one that goes below the root. */
function pathNodes(plans: readonly DirectoryPlan[], places: Places): PathNode[] {
  const nodes = new Map<DirectoryPlan, PathNode>()
  for (const plan of plans) {
    const lba = places.get(plan.directory)?.lba ?? 0
    const node = { identifier: plan.identifier, lba, children: [] }
    nodes.set(plan, node)
    if (plan.parent) nodes.get(plan.parent)?.children.push(node)
  }
  return [...nodes.values()]
}

function placePathTable(tree: BaseTree, rootLba: number, added: PathNode, tail: Tail) {
  tree.paths.lba = rootLba
  addChild(tree.paths, added)
  const entries = pathEntries(tree.paths)
  const [little, big] = [encodePathTable(entries, 'le'), encodePathTable(entries, 'be')]
  return { sizeBytes: little.length, lbaL: tail.add(little), lbaM: tail.add(big) }
}

/** Puts the scion's directory into the tree; new directories and tables go into the tail. */
export function graft(tree: BaseTree, scion: Scion, tail: Tail): GraftedTree {
  const layout = { files: scion.files, modifiedAt: FIXED_TIME }
  const [stem, ...plans] = planHierarchy(scion.root, tree.dialect)
  if (!stem) throw new Error('a tree has a root')

  const encode = (plan: DirectoryPlan): Placed => encodeDirectory(plan, { places }, layout)
  const places = new Map<IsoDirectory, DirectoryPlace>()
  for (const { directory, sizeBytes, continuationBytes } of plans)
    places.set(directory, { lba: tail.take(sizeBytes + continuationBytes), sizeBytes })
  // Only its record of the one directory is used: sizes do not depend on places.
  places.set(scion.root, { lba: 0, sizeBytes: 0 })
  const [, , added] = splitRecords(encode(stem).bytes)
  if (!added) throw new Error('the stem holds one directory')

  const records = withRecord(tree.records, added)
  const sizeBytes = layRecords(records).length
  const root = { lba: tail.take(sizeBytes), sizeBytes }
  places.set(scion.root, root)
  // `.` and `..` say where the root stands.
  const told = records.map((record, i) => (i < 2 ? moved(record, root) : record))
  tail.put({ lba: root.lba, bytes: layRecords(told) })
  for (const plan of plans) tail.put(encode(plan))

  const [, top] = pathNodes([stem, ...plans], places)
  if (!top) throw new Error('the stem holds one directory')
  const where = new Fields(16).both32(0, root.lba).both32(8, root.sizeBytes).bytes
  return {
    root,
    pathTable: placePathTable(tree, root.lba, top, tail),
    patches: tree.parentPlaces.map((place) => ({ start: place + 2, bytes: where })),
  }
}
