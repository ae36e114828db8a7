// SPDX-License-Identifier: AGPL-3.0-or-later
import { Fields, utf8 } from './fields.ts'
import { recordTime } from './time.ts'
import type { IsoNode } from './tree.ts'

/** A system use entry (SUSP §4.1): signature, length, version, data; at most 255 bytes. */
type Entry = Uint8Array

const HEADER = 4
/** Longest piece of a name: 255 less header and flag byte. */
const NAME_PIECE = 250
/** Longest run of link components in one SL entry, and of text in one component. */
const LINK_PIECE = 250
const COMPONENT_PIECE = 248
/** Bit 0 of NM, SL and component flags: goes on in the next one. */
const CONTINUE = 1

const MODES = { file: 0o100444, link: 0o120777, directory: 0o040555 } as const

function entry(signature: string, data: Uint8Array): Entry {
  return new Fields(HEADER + data.length)
    .text(0, 2, signature)
    .u8(2, HEADER + data.length)
    .u8(3, 1)
    .put(HEADER, data).bytes
}

/** POSIX mode, links and owner (RRIP §4.1.1); everything belongs to root. */
const mode = (kind: IsoNode['kind'], links: number): Entry =>
  entry(
    'PX',
    new Fields(32).both32(0, MODES[kind]).both32(8, links).both32(16, 0).both32(24, 0).bytes,
  )

/** The same for all of their kind. */
const LINKED_ONCE = { file: mode('file', 1), link: mode('link', 1) } as const

const posix = (node: IsoNode): Entry =>
  node.kind === 'directory' ? mode(node.kind, 2 + node.directoryCount) : LINKED_ONCE[node.kind]

/** Times of change, access and attributes (RRIP §4.1.6); the same for all nodes of an image. */
export function timesEntry(modifiedAt: number): Uint8Array {
  const time = recordTime(modifiedAt)
  return entry('TF', Uint8Array.of(0b1110, ...time, ...time, ...time))
}

function names(name: string): Entry[] {
  const bytes = utf8(name)
  const entries: Entry[] = []
  for (let at = 0; at < bytes.length; at += NAME_PIECE) {
    const flags = at + NAME_PIECE < bytes.length ? CONTINUE : 0
    entries.push(entry('NM', Uint8Array.of(flags, ...bytes.subarray(at, at + NAME_PIECE))))
  }
  return entries
}

/** Component records of a link (RRIP §4.1.3.1): flags, length, text. */
function components(target: string): Uint8Array[] {
  const absolute = target.startsWith('/') ? [Uint8Array.of(8, 0)] : []
  const parts = target.split('/').filter((part) => part !== '')
  return [
    ...absolute,
    ...parts.flatMap((part) => {
      if (part === '.') return [Uint8Array.of(2, 0)]
      if (part === '..') return [Uint8Array.of(4, 0)]
      const bytes = utf8(part)
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += COMPONENT_PIECE) {
        const piece = bytes.subarray(at, at + COMPONENT_PIECE)
        const flags = at + COMPONENT_PIECE < bytes.length ? CONTINUE : 0
        pieces.push(Uint8Array.of(flags, piece.length, ...piece))
      }
      return pieces
    }),
  ]
}

function link(target: string): Entry[] {
  const runs: number[][] = [[]]
  for (const component of components(target)) {
    const last = runs.at(-1)
    if (last && last.length + component.length <= LINK_PIECE) last.push(...component)
    else runs.push([...component])
  }
  return runs.map((run, i) =>
    entry('SL', Uint8Array.of(i < runs.length - 1 ? CONTINUE : 0, ...run)),
  )
}

/** Says that system use entries are there (SUSP §5.3); first in the root's first record. */
const sharing = entry('SP', Uint8Array.of(0xbe, 0xef, 0))

/** Says which extension they are of (SUSP §5.5). */
function reference(): Entry {
  const id = utf8('RRIP_1991A')
  const text = utf8(
    'THE ROCK RIDGE INTERCHANGE PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS',
  )
  const source = utf8('IEEE P1282')
  return entry(
    'ER',
    Uint8Array.of(id.length, text.length, source.length, 1, ...id, ...text, ...source),
  )
}

/** Entries for a record of its own in the parent. `times` is the image's. */
export function namedEntries(node: IsoNode, times: Entry): Entry[] {
  return [
    posix(node),
    times,
    ...names(node.name),
    ...(node.kind === 'link' ? link(node.target) : []),
  ]
}

/** Entries for `.` and `..`. */
export function selfEntries(node: IsoNode, times: Entry, isRootSelf: boolean): Entry[] {
  const own = [posix(node), times]
  return isRootSelf ? [sharing, ...own, reference()] : own
}

/** Bytes of a CE entry. */
export const CONTINUATION_ENTRY = 28

/** Points at entries that did not fit (SUSP §5.1). */
export const continuation = (lba: number, offset: number, length: number): Entry =>
  entry('CE', new Fields(24).both32(0, lba).both32(8, offset).both32(16, length).bytes)
