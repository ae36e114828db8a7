// SPDX-License-Identifier: AGPL-3.0-or-later
import { statfs } from 'node:fs/promises'
import { ociFaults } from './errors.ts'

/** Bytes that an ordinary user may still write to the file system of `folder`. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder)
  return bavail * bsize
}

/** Throws `oci.storage-full` when so many bytes, and the reserve, have no room below `folder`. */
export async function checkRoom(folder: string, bytes: number, reserve: number): Promise<void> {
  if (bytes === 0) return
  const free = await freeBytes(folder)
  if (free - reserve >= bytes) return
  throw ociFaults.storageFull(
    `storage full: ${bytes} bytes were announced and ${Math.max(0, free - reserve)} are free; delete what is not needed, run the garbage collection or add disk, and push again`,
  )
}
