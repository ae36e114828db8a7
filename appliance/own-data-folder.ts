// SPDX-License-Identifier: AGPL-3.0-or-later
// Apart from data-folder.ts, which every command loads: the lock brings the store with it.
import { mkdir } from 'node:fs/promises'
import { defineFaults, Fault, sentence } from '../core/faults.ts'
import { lockFolder } from './lock.ts'

export const dataFolderFaults = defineFaults('data-folder', {
  unusable: { status: 500, retry: false },
})

/**
 * Makes the data folder where it is missing, and its caller the owner until the answer is disposed.
 * Throws `lock.held`, and `data-folder.unusable` where nothing can be written.
 */
export async function ownDataFolder(dataDir: string): Promise<AsyncDisposable> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    return await lockFolder(dataDir)
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw dataFolderFaults.unusable(
      `the data folder ${dataDir} can not be used (${sentence(cause)}): make it a folder that this user may write to, or choose another with --data`,
      { cause },
    )
  }
}
