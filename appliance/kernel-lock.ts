// SPDX-License-Identifier: AGPL-3.0-or-later
import { Database, SQLiteError } from 'bun:sqlite'
import { rmSync, statSync } from 'node:fs'

/** Which file has that name now. */
const fileAt = (path: string) => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino

function begin(database: Database): boolean {
  try {
    // No journal file beside it: nothing is ever written.
    database.run('pragma journal_mode = memory')
    database.run('begin immediate')
    return true
  } catch (error) {
    if (error instanceof SQLiteError && error.code === 'SQLITE_BUSY') return false
    throw error
  }
}

/**
 * A lock that the kernel keeps for this process and takes back when it ends, however it ends:
 * a write transaction of SQLite in a file of its own, which stays empty. It holds between
 * containers on one volume too, where no process id tells anything. Undefined when it is taken,
 * by another process or by us. Nobody else may open the file: closing it would lose the lock
 * (POSIX locks, sqlite.org/howtocorrupt.html §2.2). Letting go removes it.
 */
export function tryKernelLock(path: string): Disposable | undefined {
  for (;;) {
    const before = fileAt(path)
    const database = new Database(path, { create: true })
    let keep = false
    try {
      if (!begin(database)) return undefined
      // A file that lost its name while we opened it is no lock: the next one makes another.
      keep = before !== undefined && fileAt(path) === before
    } finally {
      if (!keep) database.close()
    }
    if (!keep) continue
    return {
      [Symbol.dispose]() {
        rmSync(path, { force: true })
        database.close()
      },
    }
  }
}
