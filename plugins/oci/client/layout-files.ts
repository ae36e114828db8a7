// SPDX-License-Identifier: AGPL-3.0-or-later
import { type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { clientFaults } from './faults.ts'
import { readFileRange } from './file-range.ts'
import { tarEntries } from './tar-entries.ts'

/** The files of an OCI layout, in a folder or in a tar that is read where it lies. */
export interface LayoutFiles extends AsyncDisposable {
  /** Undefined when there is no such file. */
  sizeOf(name: string): Promise<number | undefined>
  read(name: string, fromBytes: number, toBytes: number): AsyncIterable<Uint8Array>
}

/** Throws `oci-client.content` when neither a folder nor a tar lies there. */
export async function openLayoutFiles(path: string): Promise<LayoutFiles> {
  const found = await stat(path)
  return found.isDirectory() ? folderFiles(path) : tarFiles(await open(path, 'r'))
}

const folderFiles = (folder: string): LayoutFiles => ({
  async sizeOf(name) {
    const found = await stat(join(folder, name)).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    return found?.isFile() ? found.size : undefined
  },
  async *read(name, fromBytes, toBytes) {
    await using file = await open(join(folder, name), 'r')
    yield* readFileRange(file, fromBytes, toBytes)
  },
  [Symbol.asyncDispose]: async () => {},
})

async function tarFiles(file: FileHandle): Promise<LayoutFiles> {
  const places = new Map<string, { readonly at: number; readonly size: number }>()
  for await (const { name, atBytes, sizeBytes } of tarEntries(file)) {
    places.set(name.replace(/^\.\//, ''), { at: atBytes, size: sizeBytes })
  }
  return {
    sizeOf: async (name) => places.get(name)?.size,
    async *read(name, fromBytes, toBytes) {
      const place = places.get(name)
      if (!place) throw clientFaults.content(`the archive has no ${name}`)
      yield* readFileRange(file, place.at + fromBytes, place.at + toBytes)
    },
    [Symbol.asyncDispose]: () => file.close(),
  }
}
