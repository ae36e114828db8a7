// SPDX-License-Identifier: AGPL-3.0-or-later
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { defineFaults } from '../core/faults.ts'
import type { Db } from '../core/store/client.ts'
import { readSetting, removeSetting, writeSetting } from '../core/store/settings.ts'
import { SECOND } from '../core/units.ts'

export const lockFaults = defineFaults('lock', {
  held: { status: 500, retry: false },
})

/** When the living process with that pid began, in clock ticks; undefined when there is none. */
async function beganAt(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // Fields 3 and 22 (proc(5)); the second may hold spaces and ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A killed process whose parent never asks for it (a container without an init) stays a zombie.
  return /^[ZX]/.test(fields[0] ?? '') ? undefined : fields[19]
}

const mine = async () => `${process.pid} ${await beganAt(process.pid)}\n`

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '')

/** Who wrote that, when that process still lives; a pid alone may have been given anew. */
async function livingHolder(text: string): Promise<number | undefined> {
  const [pid = '', began = ''] = text.trim().split(' ')
  const alive = /^\d+$/.test(pid) ? await beganAt(Number(pid)) : undefined
  return alive !== undefined && alive === began ? Number(pid) : undefined
}

/** True when the file was linked; false when there is one already. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Takes away the lock that was judged as dead, and puts back another one that came in its place. */
async function clear(path: string, dead: string): Promise<void> {
  const aside = `${path}.${crypto.randomUUID()}`
  await rename(path, aside).catch(() => undefined)
  const text = await textOf(aside)
  if (text !== '' && text !== dead) await linked(aside, path)
  await rm(aside, { force: true })
}

/**
 * One process owns a data folder. Throws `lock.held`, naming the pid. A lock whose process was
 * killed is taken over.
 */
export async function lockFolder(dataDir: string): Promise<AsyncDisposable> {
  const path = join(dataDir, 'slipway.lock')
  // Linked when it is whole: nobody finds a lock that does not say whose it is.
  const own = `${path}.${crypto.randomUUID()}`
  await writeFile(own, await mine(), { mode: 0o600 })
  try {
    for (let attempt = 0; attempt < 2; attempt++) {
      if (await linked(own, path)) {
        return { [Symbol.asyncDispose]: () => rm(path, { force: true }) }
      }
      const text = await textOf(path)
      const holder = await livingHolder(text)
      if (holder !== undefined) {
        throw lockFaults.held(
          `another slipway (pid ${holder}) serves the data folder ${dataDir}; stop it, or choose another folder with --data`,
        )
      }
      await clear(path, text)
    }
  } finally {
    await rm(own, { force: true })
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
      const owner = (await readSetting(tx, 'owner')) as Owner | undefined
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
      await db.write((tx) => removeSetting(tx, 'owner'))
    },
  }
}
