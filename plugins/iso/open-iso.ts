// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ByteSource } from './byte-source.ts'
import { isoFaults } from './faults.ts'
import { type IsoEntry, IsoReader, type NameSpace, type Naming } from './iso-reader.ts'
import { SECTOR } from './sector.ts'
import { sharingOffset } from './system-use.ts'
import { readVolume, type Volume } from './volume.ts'

/** An image that was found to be ISO 9660. It holds nothing open: the source is the caller's. */
export interface IsoImage extends Volume {
  /** Which of the names that the image has are used here. */
  readonly names: NameSpace
  /** Everything below the root, directories before their content. Throws `iso.corrupt` on loops and nonsense. */
  list(): Promise<readonly IsoEntry[]>
  /** Reads only the directories on the way; does not follow links. */
  find(path: string): Promise<IsoEntry | undefined>
  /** A file's bytes in pieces. */
  read(entry: IsoEntry): AsyncGenerator<Uint8Array>
  /** A small file at once. Throws `iso.not-found`, or `iso.too-large` above `limitBytes`. */
  readFile(path: string, limitBytes?: number): Promise<Uint8Array<ArrayBuffer>>
}

/** Rock Ridge when the root says so, else Joliet, else plain names. */
async function chooseNames(source: ByteSource, volume: Volume): Promise<Naming> {
  const plain = { names: 'plain', root: volume.root, skip: 0 } as const
  const [self] = await new IsoReader(source, plain).records({ ...volume.root, length: SECTOR })
  if (!self) throw isoFaults.corrupt('the root directory of the image is empty')
  const skip = sharingOffset(self.systemUse)
  if (skip !== undefined) return { names: 'rock-ridge', root: volume.root, skip }
  return volume.jolietRoot ? { names: 'joliet', root: volume.jolietRoot, skip: 0 } : plain
}

/** Opens an ISO 9660 image. Throws `iso.not-iso` or `iso.corrupt`; what it was given stays open. */
export async function openIso(source: ByteSource): Promise<IsoImage> {
  const volume = await readVolume(source)
  const naming = await chooseNames(source, volume)
  // One for each question, so that each has a budget of its own.
  const reader = () => new IsoReader(source, naming)
  return {
    ...volume,
    names: naming.names,
    list: () => reader().list(),
    find: (path) => reader().find(path),
    read: (entry) => reader().read(entry),
    readFile: (path, limitBytes) => reader().readFile(path, limitBytes),
  }
}
