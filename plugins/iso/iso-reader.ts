// SPDX-License-Identifier: AGPL-3.0-or-later
import { MiB } from '../../core/units.ts'
import type { ByteSource } from './byte-source.ts'
import { decodeRecords, type RawRecord } from './directory.ts'
import { isoFaults } from './faults.ts'
import { rockRidgeFacts } from './rock-ridge-facts.ts'
import { SECTOR } from './sector.ts'
import { readSystemUse } from './system-use.ts'
import type { Extent } from './volume.ts'

/** Largest directory that we read, in bytes: about 100,000 entries. */
const LARGEST_DIRECTORY = 16 * MiB
/** Most entries that a walk lists before it gives up. */
const MOST_ENTRIES = 500_000
/** What one question may read of directories, in bytes, before the image counts as hostile. */
const METADATA_BUDGET = 256 * MiB
/** Longest name, in UTF-16 units: four times what Linux takes. */
const LONGEST_NAME = 1_020
/** Most directories one inside the other. */
const DEEPEST = 256
const PIECE = 262_144

export interface IsoEntry {
  /** Absolute; the root is `/`. */
  readonly path: string
  readonly kind: 'file' | 'directory' | 'symlink'
  readonly sizeBytes: number
  /** In order; a file of 4 GiB or more has several, an empty one none. */
  readonly extents: readonly Extent[]
  /** POSIX mode with its type bits, when Rock Ridge says it. */
  readonly mode: number | undefined
  /** Of a symlink. */
  readonly target: string | undefined
}

/** Which of the names that an image may have are used. */
export type NameSpace = 'rock-ridge' | 'joliet' | 'plain'

export interface Naming {
  readonly names: NameSpace
  readonly root: Extent
  /** Bytes before the system use entries of each record. */
  readonly skip: number
}

const decoders = { latin1: new TextDecoder('latin1'), ucs2: new TextDecoder('utf-16be') }

/** Plain names as Linux shows them: lower case, without version and lonely dot. */
function fallbackName(identifier: Uint8Array, names: NameSpace): string {
  const text = decoders[names === 'joliet' ? 'ucs2' : 'latin1'].decode(identifier)
  const bare = text.replace(/;\d+$/, '')
  return names === 'joliet' ? bare : bare.toLowerCase().replace(/\.$/, '')
}

const isSelfOrParent = ({ identifier: [first], identifier }: RawRecord) =>
  identifier.length === 1 && (first === 0 || first === 1)

/** Answers one question about an image; a new one for the next, for its budget. */
export class IsoReader {
  readonly #source: ByteSource
  readonly #naming: Naming
  #budget = METADATA_BUDGET

  constructor(source: ByteSource, naming: Naming) {
    this.#source = source
    this.#naming = naming
  }

  /** Bytes of directories and what belongs to them; a question has a budget of them. */
  async metadata(extent: Extent): Promise<Uint8Array> {
    this.#budget -= extent.length
    if (this.#budget < 0) throw isoFaults.corrupt('the directories of the image do not end')
    return await this.bytes(extent)
  }

  /** The one door to the source: nothing outside the image is asked for. */
  async bytes({ start, length }: Extent): Promise<Uint8Array> {
    if (start + length > this.#source.sizeBytes)
      throw isoFaults.corrupt(
        `the image points to byte ${start + length} but has ${this.#source.sizeBytes}`,
      )
    return await this.#source.read(start, length)
  }

  async records(extent: Extent): Promise<RawRecord[]> {
    if (extent.length > LARGEST_DIRECTORY)
      throw isoFaults.corrupt(`the image has a directory of ${extent.length} bytes`)
    return [...decodeRecords(await this.metadata(extent))]
  }

  async children(directory: IsoEntry): Promise<IsoEntry[]> {
    const [extent] = directory.extents
    if (!extent) return []
    const entries: IsoEntry[] = []
    let sections: Extent[] = []
    for (const record of await this.records(extent)) {
      if (isSelfOrParent(record)) continue
      sections.push(record.extent)
      if (record.goesOn) continue
      const entry = await this.#entry(record, sections, directory.path)
      if (entry) entries.push(entry)
      sections = []
    }
    if (sections.length > 0)
      throw isoFaults.corrupt(`the last file in ${directory.path} has no last section`)
    return entries
  }

  async #entry(
    record: RawRecord,
    sections: readonly Extent[],
    parent: string,
  ): Promise<IsoEntry | undefined> {
    const { names, skip } = this.#naming
    const facts =
      names === 'rock-ridge'
        ? rockRidgeFacts(
            await readSystemUse(record.systemUse.subarray(skip), (start, length) =>
              this.metadata({ start, length }),
            ),
          )
        : undefined
    if (facts?.relocated) return undefined
    const name = facts?.name ?? fallbackName(record.identifier, names)
    if (
      name === '' ||
      name === '.' ||
      name === '..' ||
      /[/\0]/.test(name) ||
      name.length > LONGEST_NAME
    )
      throw isoFaults.corrupt(
        `${parent} in the image has an entry of the name ${JSON.stringify(name.slice(0, 80))}`,
      )
    const path = parent === '/' ? `/${name}` : `${parent}/${name}`
    if (record.interleaved) throw isoFaults.corrupt(`${path} is interleaved, which nobody uses`)
    const { mode, target, movedTo } = facts ?? {}
    if (movedTo !== undefined) return await this.#moved(path, movedTo, mode)
    const kind = record.isDirectory ? 'directory' : target === undefined ? 'file' : 'symlink'
    const extents = kind === 'symlink' ? [] : sections.filter(({ length }) => length > 0)
    for (const { start, length } of extents) {
      if (start + length > this.#source.sizeBytes)
        throw isoFaults.corrupt(`${path} lies outside the image`)
    }
    const sizeBytes = extents.reduce((sum, { length }) => sum + length, 0)
    return { path, kind, sizeBytes, extents, mode, target }
  }

  /** A directory whose record stands elsewhere: its own `.` says how large it is. */
  async #moved(path: string, lba: number, mode: number | undefined): Promise<IsoEntry> {
    const first = await this.records({ start: lba * SECTOR, length: SECTOR })
    const self = first[0]
    if (!self || !isSelfOrParent(self))
      throw isoFaults.corrupt(`${path} was moved to a place that is no directory`)
    const { extent } = self
    return {
      path,
      kind: 'directory',
      sizeBytes: extent.length,
      extents: [extent],
      mode,
      target: undefined,
    }
  }

  get root(): IsoEntry {
    const { root } = this.#naming
    return {
      path: '/',
      kind: 'directory',
      sizeBytes: root.length,
      extents: [root],
      mode: undefined,
      target: undefined,
    }
  }

  async list(): Promise<readonly IsoEntry[]> {
    const found: IsoEntry[] = []
    const seen = new Set<number>()
    const visit = async (directory: IsoEntry, depth: number): Promise<void> => {
      const start = directory.extents[0]?.start ?? 0
      if (seen.has(start) || depth > DEEPEST)
        throw isoFaults.corrupt(`the directory ${directory.path} of the image contains itself`)
      seen.add(start)
      for (const child of await this.children(directory)) {
        found.push(child)
        if (found.length > MOST_ENTRIES)
          throw isoFaults.corrupt(`the image has more than ${MOST_ENTRIES} entries`)
        if (child.kind === 'directory' && child.sizeBytes > 0) await visit(child, depth + 1)
      }
    }
    await visit(this.root, 0)
    return found
  }

  async find(path: string): Promise<IsoEntry | undefined> {
    let at: IsoEntry | undefined = this.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      if (at?.kind !== 'directory') return undefined
      const wanted: string = at.path === '/' ? `/${name}` : `${at.path}/${name}`
      at = (await this.children(at)).find((child) => child.path === wanted)
    }
    return at
  }

  async *read({ extents }: IsoEntry): AsyncGenerator<Uint8Array> {
    for (const { start, length } of extents) {
      for (let at = 0; at < length; at += PIECE)
        yield await this.bytes({ start: start + at, length: Math.min(PIECE, length - at) })
    }
  }

  async readFile(path: string, limitBytes: number = MiB): Promise<Uint8Array<ArrayBuffer>> {
    const entry = await this.find(path)
    if (entry?.kind !== 'file') throw isoFaults.notFound(`the image has no file ${path}`)
    if (entry.sizeBytes > limitBytes)
      throw isoFaults.tooLarge(`${path} has ${entry.sizeBytes} bytes, more than ${limitBytes}`)
    const bytes = new Uint8Array(entry.sizeBytes)
    let at = 0
    for await (const piece of this.read(entry)) {
      bytes.set(piece, at)
      at += piece.length
    }
    return bytes
  }
}
