// SPDX-License-Identifier: AGPL-3.0-or-later
import { KiB, MiB } from '../../core/units.ts'
import { biosBootSector } from './bios-boot-sector.ts'
import { efiProgram } from './efi-program.ts'
import { type FatTree, fatImage } from './fat-image.ts'
import { isoFaults } from './faults.ts'
import { utf8 } from './fields.ts'
import { filler } from './filler.ts'
import { type IsoOptions, planIso } from './layout.ts'
import { SECTOR } from './sector.ts'
import type { IsoContent } from './tree.ts'
import { type WrittenIso, writeIso } from './write-iso.ts'

const DEFAULT_SIZE = 4 * MiB

const LINE = 'Slipway test medium: booted, nothing to do, halted.'

const README = `This is a test medium of Slipway. It boots by BIOS and by UEFI (x86-64), prints one
line and halts. vmlinuz, initrd.img and squashfs.img hold meaningless bytes: they
stand where a real medium has its kernel and root file system, so that a
controller has something to read. Nothing on it touches a disk.
`

const fillerFile = (label: string, sizeBytes: number): IsoContent => ({
  sizeBytes,
  pieces: () => filler(label, sizeBytes),
})

function options(rootFileSystemBytes: number): IsoOptions {
  const program: FatTree = new Map([['BOOTX64.EFI', efiProgram(LINE)]])
  return {
    volumeId: 'SLIPWAY_TEST',
    tree: new Map<string, IsoContent>([
      ['/README.txt', utf8(README)],
      ['/boot/bios.img', biosBootSector(LINE)],
      ['/boot/efi.img', fatImage(new Map([['EFI', new Map([['BOOT', program]])]]))],
      ['/boot/vmlinuz', fillerFile('vmlinuz', 256 * KiB)],
      ['/boot/initrd.img', fillerFile('initrd', 512 * KiB)],
      ['/LiveOS/squashfs.img', fillerFile('squashfs', rootFileSystemBytes)],
    ]),
    boot: { bios: { path: '/boot/bios.img' }, efi: { path: '/boot/efi.img' } },
  }
}

/**
 * Writes the small bootable medium of demo and tests: El Torito for BIOS and UEFI, layout of a live
 * system, contents meaningless. `sizeBytes` of the image is rounded down to sectors, default 4 MiB.
 */
export async function writeSampleBootIso(
  path: string,
  { sizeBytes = DEFAULT_SIZE }: { readonly sizeBytes?: number } = {},
): Promise<WrittenIso> {
  const smallest = await planIso(options(SECTOR))
  const extraSectors = Math.floor((sizeBytes - smallest.sizeBytes) / SECTOR)
  if (!(extraSectors >= 0))
    throw isoFaults.invalid(
      `the test medium needs at least ${smallest.sizeBytes} bytes; ask for more`,
    )
  return await writeIso(path, options(SECTOR + extraSectors * SECTOR))
}
