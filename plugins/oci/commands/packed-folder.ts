// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { create } from 'tar'

/**
 * Packs a folder into a tar, `gzip` or not. Names are sorted and owners left out: the same folder
 * makes the same bytes, so that a push of it can go on where it stopped.
 */
export async function packFolder(folder: string, file: string, gzip: boolean): Promise<void> {
  const root = resolve(folder)
  const entries = await readdir(root, { recursive: true, withFileTypes: true })
  const names = entries.map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
  const title = basename(root)
  await create(
    {
      ...{ file, cwd: root, portable: true, noDirRecurse: true, prefix: title },
      ...(gzip ? { gzip: { level: 6 } } : {}),
    },
    names.sort().map((name) => `./${name}`),
  )
}
