// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BootEntry, decodeBootCatalog } from './boot-catalog.ts'
import type { ByteSource } from './byte-source.ts'
import { isoFaults } from './faults.ts'
import { FIRST_DESCRIPTOR, SECTOR } from './sector.ts'

/** Descriptors that we look at before we believe that there is no end. */
const MOST_DESCRIPTORS = 32

/** A stretch of the image, in bytes. */
export interface Extent {
  readonly start: number
  readonly length: number
}

export interface BootCatalog {
  readonly lba: number
  readonly entries: readonly BootEntry[]
}

/** What the descriptors say. */
export interface Volume {
  readonly volumeId: string
  /** Of the volume as it says itself, in bytes; the source may be shorter or longer. */
  readonly volumeBytes: number
  readonly root: Extent
  readonly jolietRoot: Extent | undefined
  readonly pathTable: Extent
  readonly boot: BootCatalog | undefined
  /** Descriptors up to the terminator and with it. */
  readonly descriptors: Extent
}

const ascii = new TextDecoder('latin1')
const JOLIET_ESCAPES = ['%/@', '%/C', '%/E']

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** Does the descriptor say that its names are Joliet's? */
export const isJoliet = (descriptor: Uint8Array): boolean =>
  descriptor[0] === 2 && JOLIET_ESCAPES.includes(ascii.decode(descriptor.subarray(88, 91)))

/** Is it the enhanced descriptor of ISO 9660:1999, with names as they are? */
export const isLong = (descriptor: Uint8Array): boolean =>
  descriptor[0] === 2 && descriptor[6] === 2

/** The root directory as its record in a descriptor says. */
export function rootOf(descriptor: Uint8Array): Extent {
  const view = viewOf(descriptor)
  return { start: view.getUint32(158, true) * SECTOR, length: view.getUint32(166, true) }
}

/** The descriptors from sector 16 on, up to the terminator and with it. */
export async function readDescriptors(source: ByteSource): Promise<Uint8Array[]> {
  const found: Uint8Array[] = []
  for (let lba = FIRST_DESCRIPTOR; lba < FIRST_DESCRIPTOR + MOST_DESCRIPTORS; lba += 1) {
    if ((lba + 1) * SECTOR > source.sizeBytes) break
    const descriptor = await source.read(lba * SECTOR, SECTOR)
    if (ascii.decode(descriptor.subarray(1, 6)) !== 'CD001') break
    found.push(descriptor)
    if (descriptor[0] === 255) return found
  }
  if (found.length === 0)
    throw isoFaults.notIso('this is no ISO 9660 image: sector 16 holds no volume descriptor')
  throw isoFaults.corrupt('the volume descriptors of the image have no end')
}

async function readBootCatalog(
  source: ByteSource,
  descriptors: readonly Uint8Array[],
): Promise<BootCatalog | undefined> {
  const record = descriptors.find(
    (bytes) => bytes[0] === 0 && ascii.decode(bytes.subarray(7, 30)) === 'EL TORITO SPECIFICATION',
  )
  if (!record) return undefined
  const lba = viewOf(record).getUint32(71, true)
  if ((lba + 1) * SECTOR > source.sizeBytes)
    throw isoFaults.corrupt('the boot catalog lies outside the image')
  const entries = decodeBootCatalog(await source.read(lba * SECTOR, SECTOR))
  if (!entries) throw isoFaults.corrupt('the boot catalog of the image has a wrong checksum')
  return { lba, entries }
}

/** Reads the volume descriptors and the boot catalog. */
export async function readVolume(source: ByteSource): Promise<Volume> {
  const descriptors = await readDescriptors(source)
  const primary = descriptors.find((bytes) => bytes[0] === 1)
  if (!primary) throw isoFaults.corrupt('the image has no primary volume descriptor')
  const view = viewOf(primary)
  if (view.getUint16(128, true) !== SECTOR)
    throw isoFaults.corrupt(`the image has blocks of ${view.getUint16(128, true)} bytes, not 2048`)
  const joliet = descriptors.find(isJoliet)
  return {
    volumeId: ascii.decode(primary.subarray(40, 72)).trimEnd(),
    volumeBytes: view.getUint32(80, true) * SECTOR,
    root: rootOf(primary),
    jolietRoot: joliet && rootOf(joliet),
    pathTable: { start: view.getUint32(140, true) * SECTOR, length: view.getUint32(132, true) },
    boot: await readBootCatalog(source, descriptors),
    descriptors: { start: FIRST_DESCRIPTOR * SECTOR, length: descriptors.length * SECTOR },
  }
}
