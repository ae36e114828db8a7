// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isoFaults } from './faults.ts'
import type { IsoContent } from './tree.ts'

/** Everything below a folder as the tree of an image: files are streamed later, links stay links. */
export async function folderTree(folder: string): Promise<Map<string, IsoContent>> {
  const tree = new Map<string, IsoContent>()
  const visit = async (path: string): Promise<void> => {
    const here = join(folder, path)
    const entries = await readdir(here, { withFileTypes: true }).catch((cause: unknown) => {
      throw isoFaults.notFound(`${here} is no folder that can be read`, { cause })
    })
    for (const entry of entries) {
      const entryPath = `${path}/${entry.name}`
      const file = join(folder, entryPath)
      if (entry.isDirectory()) {
        tree.set(entryPath, 'directory')
        await visit(entryPath)
      } else if (entry.isFile()) tree.set(entryPath, { file })
      else if (entry.isSymbolicLink()) tree.set(entryPath, { linkTo: await readlink(file) })
      else throw isoFaults.invalid(`${file} is neither file, folder nor link; take it out`)
    }
  }
  await visit('')
  return tree
}
