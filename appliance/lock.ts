// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { defineFaults } from '../core/faults.ts'
import type { Db } from '../core/store/client.ts'
import { readSetting, writeSetting } from '../core/store/settings.ts'
import { SECOND } from '../core/units.ts'

export const lockFaults = defineFaults('lock', {
  held: { status: 500, retry: false },
})

/** When the process with that pid began, in clock ticks; undefined when there is none. */
async function beganAt(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined)
  // Field 22 (proc(5)); the second field may hold spaces and ends with the last parenthesis.
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
}

const mine = async () => `${process.pid} ${await beganAt(process.pid)}\n`

/** Whose lock file it is, when that process still lives; a pid alone may have been given anew. */
async function livingHolder(path: string): Promise<number | undefined> {
  const [pid = '', began = ''] = (await readFile(path, 'utf8').catch(() => '')).trim().split(' ')
  const alive = pid === '' ? undefined : await beganAt(Number(pid))
  return alive !== undefined && alive === began ? Number(pid) : undefined
}

/**
 * One process owns a data folder. Throws `lock.held`, naming the pid. A lock whose process was
 * killed is taken over.
 */
export async function lockFolder(dataDir: string): Promise<AsyncDisposable> {
  const path = join(dataDir, 'slipway.lock')
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      await using file = await open(path, 'wx', 0o600)
      await file.writeFile(await mine())
      return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
      const holder = await livingHolder(path)
      if (holder !== undefined) {
        throw lockFaults.held(
          `another slipway (pid ${holder}) serves the data folder ${dataDir}; stop it, or choose another folder with --data`,
          { cause },
        )
      }
      await rm(path, { force: true })
    }
  }
  throw lockFaults.held(
    `two processes want the data folder ${dataDir} at the same moment; try again`,
  )
}

const BEAT_MS = 30 * SECOND
const STALE_MS = 3 * BEAT_MS

interface Owner {
  readonly instance: string
  readonly host: string
  readonly pid: number
  readonly at: number
}

/**
 * One appliance owns a remote database: a row with a heartbeat. Throws `lock.held` while another
 * one's is fresh. The wall clock, since two boxes share nothing else.
 */
export async function lockRemote(db: Db): Promise<AsyncDisposable> {
  const instance = crypto.randomUUID()
  const beat = (first: boolean) =>
    db.write(async (tx) => {
      const owner = (await readSetting(tx, 'owner')) as Owner | null | undefined
      const foreign = owner && owner.instance !== instance && Date.now() - owner.at < STALE_MS
      const dead = owner?.host === hostname() && (await beganAt(owner.pid)) === undefined && first
      if (foreign && !dead) {
        throw lockFaults.held(
          `another slipway (pid ${owner.pid} on ${owner.host}) uses this database; stop it, or wait ${STALE_MS / SECOND} s after it died`,
        )
      }
      const row: Owner = { instance, host: hostname(), pid: process.pid, at: Date.now() }
      await writeSetting(tx, 'owner', row)
    })
  await beat(true)
  const lost = Promise.withResolvers<never>()
  const timer = setInterval(() => beat(false).catch(lost.reject), BEAT_MS)
  // Two appliances on one database would fight over machines: whoever lost it must not go on.
  lost.promise.catch((error: unknown) => {
    process.stderr.write(`slipway: ${error instanceof Error ? error.message : error}\n`)
    process.exit(1)
  })
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await db.write((tx) => writeSetting(tx, 'owner', null))
    },
  }
}
