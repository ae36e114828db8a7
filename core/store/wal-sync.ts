// SPDX-License-Identifier: AGPL-3.0-or-later
import { closeSync, fdatasync, openSync } from 'node:fs'
import { promisify } from 'node:util'

/** Brings what was committed to the disk while the event loop goes on: the driver's own fsync stops it. */
export interface WalSync extends Disposable {
  /** Resolves when every commit before the call stands on the disk. Throws what the disk says. */
  sync(): Promise<void>
}

const datasync = promisify(fdatasync)

/**
 * The log of the database at `path`, whose commits are made with `synchronous` NORMAL: in WAL mode
 * these write and do not sync; checkpoints sync by themselves (sqlite.org/pragma.html#pragma_synchronous).
 * SQLite keeps no locks on this file, so closing it here gives none away (sqlite.org/walformat.html 1.3).
 */
export function openWalSync(path: string): WalSync {
  let file: number | undefined
  return {
    async sync() {
      // It is there from the first commit on, and the same one as long as a connection is open.
      file ??= openSync(`${path}-wal`, 'r')
      await datasync(file)
    },
    [Symbol.dispose]() {
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}
