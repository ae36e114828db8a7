// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename, relative, resolve, sep } from 'node:path'
import type { DeclaredCommand } from '../../core/command.ts'
import { isoFaults } from './faults.ts'
import { folderTree } from './folder.ts'
import type { IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'
import { reportWritten } from './written-report.ts'

const DEFAULT_VOLUME_ID = 'SLIPWAY'

/** Where a file of the folder stands in the tree. */
const pathInside = (folder: string, file: string) =>
  `/${relative(folder, resolve(file)).split(sep).join('/')}`

/** The path of a boot image in the tree: its own when it lies in the folder, else it is added below `/boot`. */
function bootPath(folder: string, file: string, tree: Map<string, IsoContent>): string {
  const path = pathInside(folder, file)
  if (tree.has(path)) return path
  const added = `/boot/${basename(file)}`
  if (tree.has(added))
    throw isoFaults.invalid(
      `the folder already has a ${added}; name that one, or rename one of them`,
    )
  tree.set(added, { file: resolve(file) })
  return added
}

export const buildCommand: DeclaredCommand = {
  name: 'build',
  summary: 'make an ISO image of a folder',
  arguments: [{ name: 'DIR', summary: 'what the image is to hold' }],
  options: {
    output: { short: 'o', value: 'FILE', summary: 'the image to write' },
    'volume-id': { value: 'ID', summary: `name of the volume (default ${DEFAULT_VOLUME_ID})` },
    bios: { value: 'FILE', summary: 'boot image for a PC BIOS' },
    // It would overwrite the code of a plain boot sector.
    'boot-info-table': { summary: 'write where it stands into the BIOS image: isolinux, GRUB' },
    efi: { value: 'FILE', summary: 'boot image for UEFI, a FAT file system' },
  },
  examples: ['slipway iso build folder -o image.iso --volume-id DATA --efi efi.img'],
  async call({ args, flags, out, usage }) {
    const output = flags.text('output')
    if (output === undefined) throw usage('name the image with -o FILE')
    const folder = resolve(args[0] ?? '')
    const tree = await folderTree(folder)
    // What the last build left there would grow with every other.
    tree.delete(pathInside(folder, output))
    const [bios, efi] = [flags.text('bios'), flags.text('efi')]
    const written = await writeIso(output, {
      volumeId: flags.text('volume-id') ?? DEFAULT_VOLUME_ID,
      tree,
      boot: {
        ...(bios !== undefined && {
          bios: { path: bootPath(folder, bios, tree), bootInfoTable: flags.on('boot-info-table') },
        }),
        ...(efi !== undefined && { efi: { path: bootPath(folder, efi, tree) } }),
      },
    })
    reportWritten(out, output, written)
    return 0
  },
}
