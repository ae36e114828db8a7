// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename, relative, resolve, sep } from 'node:path'
import { isoFaults } from './faults.ts'
import { folderTree } from './folder.ts'
import { localCommand, UsageError, writtenReport } from './local-command.ts'
import type { IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

/** The path of a boot image in the tree: its own when it lies in the folder, else it is added below `/boot`. */
function bootPath(folder: string, file: string, tree: Map<string, IsoContent>): string {
  const inside = relative(folder, resolve(file))
  const path = `/${inside.split(sep).join('/')}`
  if (tree.has(path)) return path
  const added = `/boot/${basename(file)}`
  if (tree.has(added))
    throw isoFaults.invalid(
      `the folder already has a ${added}; name that one, or rename one of them`,
    )
  tree.set(added, { file: resolve(file) })
  return added
}

export const buildCommand = localCommand({
  name: 'build',
  summary: 'make an ISO image of a folder',
  usage: 'DIR -o FILE [--volume-id X] [--bios FILE [--boot-info-table]] [--efi FILE] [--json]',
  options: {
    output: { type: 'string', short: 'o' },
    'volume-id': { type: 'string', default: 'SLIPWAY' },
    bios: { type: 'string' },
    // For isolinux and GRUB; it would overwrite the code of a plain boot sector.
    'boot-info-table': { type: 'boolean', default: false },
    efi: { type: 'string' },
    json: { type: 'boolean' },
  },
  async work({ values, positionals }) {
    const [directory, ...others] = positionals
    const { output, bios, efi } = values
    if (directory === undefined || others.length > 0) throw new UsageError('name one folder')
    if (output === undefined) throw new UsageError('name the image by -o')
    const folder = resolve(directory)
    const tree = await folderTree(folder)
    const written = await writeIso(output, {
      volumeId: values['volume-id'],
      tree,
      boot: {
        ...(bios !== undefined && {
          bios: { path: bootPath(folder, bios, tree), bootInfoTable: values['boot-info-table'] },
        }),
        ...(efi !== undefined && { efi: { path: bootPath(folder, efi, tree) } }),
      },
    })
    return writtenReport(output, written)
  },
})
