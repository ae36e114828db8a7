// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  type ByteSource,
  type IsoEntry,
  type IsoImage,
  openIso,
  SECTOR,
  VIRTUAL_SECTOR,
} from '../iso/index.ts'

/** Files that a boot loader loads, by their names, in its order. */
const LOADED = [/\/(vmlinu[xz][^/]*|bzimage|linux|kernel)$/i, /\/(initrd|initramfs)[^/]*$/i]

/** How a machine starts a medium. */
export interface BootOptions {
  readonly mode: string
  /** Bytes asked for at once. */
  readonly pieceBytes: number
  /** Read the rest of the image too, as a machine does that runs from it. */
  readonly whole: boolean
}

/**
 * Starts a medium as firmware and boot loader do: descriptors, boot catalog, the image for this
 * boot mode, then kernel and initrd. Undefined when the firmware finds nothing that it can start.
 */
export async function startMedium(
  source: ByteSource,
  options: BootOptions,
): Promise<IsoImage | undefined> {
  const image = await openIso(source)
  const platform = options.mode === 'Legacy' ? 'bios' : 'efi'
  const entry = image.boot?.entries.find((each) => each.bootable && each.platform === platform)
  if (!entry) return undefined
  const files = (await image.list()).filter(({ kind }) => kind === 'file')
  const start = entry.lba * SECTOR
  const named = files.find(({ extents }) => extents[0]?.start === start)
  const length = named?.sizeBytes ?? Math.max(entry.sectors, 1) * VIRTUAL_SECTOR
  await readThrough(source, start, length, options.pieceBytes)
  const loaded = LOADED.flatMap((names) => files.filter(({ path }) => names.test(path)))
  for (const file of loaded) {
    await readFile(source, file, options.pieceBytes)
  }
  if (options.whole) await readThrough(source, 0, source.sizeBytes, options.pieceBytes)
  return image
}

async function readFile(source: ByteSource, file: IsoEntry, pieceBytes: number): Promise<void> {
  for (const { start, length } of file.extents) await readThrough(source, start, length, pieceBytes)
}

/** Reads whole sectors from `start`, and drops them: what counts is that they could be read. */
async function readThrough(
  source: ByteSource,
  start: number,
  length: number,
  pieceBytes: number,
): Promise<void> {
  const end = Math.min(start + Math.ceil(length / SECTOR) * SECTOR, source.sizeBytes)
  for (let at = start; at < end; at += pieceBytes) {
    await source.read(at, Math.min(pieceBytes, end - at))
  }
}
