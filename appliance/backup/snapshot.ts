// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import { backupFaults } from './faults.ts'

/**
 * A process of its own makes the copy: the driver is synchronous and would stop the event loop
 * (1.3 s for 200 MB), and two SQLite libraries in one process lose each other's POSIX locks
 * (sqlite.org/howtocorrupt.html §2.2).
 */
const PROGRAM = `
const { Database } = require('bun:sqlite')
const database = new Database(process.env.FROM, { readonly: true })
database.run('pragma busy_timeout = 10000')
database.run('vacuum into ?', [process.env.TO])
database.close()
`

/** Path of the database file. Throws `backup.remote` for one at a server. */
export function databaseFile(url: string, dataDir: string): string {
  if (url === '') return join(dataDir, 'slipway.db')
  const path = /^file:(?:\/\/)?([^?#]+)/.exec(url)?.[1]
  if (path) return decodeURIComponent(path)
  throw backupFaults.remote(
    'the database is at a server: back it up there, and keep `keys/` of the data folder with it',
  )
}

/**
 * The database of this moment as one file at `to`, 0600, while the appliance works on. `folder` is
 * ours alone. Throws `backup.snapshot`.
 */
export async function snapshot(from: string, to: string, folder: string): Promise<void> {
  const child = Bun.spawn([process.execPath, '-e', PROGRAM], {
    // As Bun itself it would obey a bunfig.toml or .env of the working folder: this one is empty.
    cwd: folder,
    env: { BUN_BE_BUN: '1', TMPDIR: folder, FROM: from, TO: to },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const [code, said] = await Promise.all([child.exited, child.stderr.text()])
  if (code === 0) return
  const why = /^\s*\w*Error: (.*)$/m.exec(said)?.[1] ?? said.trim().slice(-300)
  throw backupFaults.snapshot(
    `the database can not be copied to ${folder} (${why}): is there room for a second one?`,
    { cause: new Error(said) },
  )
}
