// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs'
import { access, readFile, readlink, realpath, rename, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { defineFaults, Fault, sentence } from '../core/faults.ts'
import type { Db } from '../core/store/client.ts'
import { readSetting, removeSetting, writeSetting } from '../core/store/settings.ts'
import { SECOND } from '../core/units.ts'
import { tryKernelLock } from './kernel-lock.ts'

export const lockFaults = defineFaults('lock', {
  held: { status: 500, retry: false },
  /** The folder of a database that lies elsewhere. */
  database: { status: 500, retry: false },
})

const textOf = (path: string) => readFile(path, 'utf8').catch(() => '')

/** Whom the text of a lock names. It may be of a holder that was killed, for as long as the next one writes its own. */
function holderOf(text: string): string {
  const [, pid, host] = /^(\d+) (\S+)\n$/.exec(text) ?? []
  return pid === undefined ? 'another slipway' : `another slipway (pid ${pid} on ${host})`
}

/**
 * Holds `${path}.db` by the kernel and says in `path` who does. Throws `lock.held`, beginning with
 * who holds it, and the file system's own errors.
 */
async function lockFile(path: string, refusal: string): Promise<AsyncDisposable> {
  // For its sentence: the lock itself would only say that it can not be opened.
  await access(dirname(path), constants.W_OK)
  const lock = tryKernelLock(`${path}.db`)
  if (!lock) throw lockFaults.held(`${holderOf(await textOf(path))} ${refusal}`)
  try {
    const whole = `${path}.${crypto.randomUUID()}`
    await writeFile(whole, `${process.pid} ${hostname()}\n`, { mode: 0o600 })
    await rename(whole, path)
  } catch (error) {
    lock[Symbol.dispose]()
    throw error
  }
  return {
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true })
      lock[Symbol.dispose]()
    },
  }
}

const FOLDER_LOCK = 'slipway.lock'
/** A database of this name is its folder's own, and locked with it. */
const FOLDER_DATABASE = 'slipway.db'

/** One process owns a data folder. A lock whose process was killed is free. Throws `lock.held`, naming the pid. */
export const lockFolder = (dataDir: string): Promise<AsyncDisposable> =>
  lockFile(
    join(dataDir, FOLDER_LOCK),
    `serves the data folder ${dataDir}; stop it, or choose another folder with --data`,
  )

/** A link to it leads to the same lock. A database that is not there yet is made where it is named. */
const realDatabase = async (path: string) =>
  realpath(path).catch(async () => join(await realpath(dirname(path)), basename(path)))

/**
 * The same for the database file at `path`, since two data folders may name one. Who asks owns
 * `dataDir` already. Throws `lock.database` too, where nothing can be written.
 */
export async function lockDatabase(path: string, dataDir: string): Promise<AsyncDisposable> {
  try {
    const real = await realDatabase(path)
    const folder = dirname(real)
    const ofFolder = basename(real) === FOLDER_DATABASE
    if (ofFolder && folder === (await realpath(dataDir))) return new AsyncDisposableStack()
    return await lockFile(
      ofFolder ? join(folder, FOLDER_LOCK) : `${real}.lock`,
      `uses the database ${path}; stop it, or name another one by store.url`,
    )
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw lockFaults.database(
      `the database ${path} can not be used (${sentence(cause)}): make its folder one that this user may write to, or name another by store.url`,
      { cause },
    )
  }
}

/** When the living process with that pid began, in clock ticks; undefined when there is none. */
async function beganAt(pid: number): Promise<string | undefined> {
  const stat = await textOf(`/proc/${pid}/stat`)
  // Fields 3 and 22 (proc(5)); the second may hold spaces and ends with the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  // A killed process whose parent never asks for it (a container without an init) stays a zombie.
  return /^[ZX]/.test(fields[0] ?? '') ? undefined : fields[19]
}

/** Where a pid means a process: this start of this kernel, and the pid namespace. */
const pidSpace = async () =>
  `${(await textOf('/proc/sys/kernel/random/boot_id')).trim()} ${await readlink('/proc/self/ns/pid')}`

const BEAT_MS = 30 * SECOND
const STALE_MS = 3 * BEAT_MS

interface Owner {
  readonly instance: string
  readonly host: string
  readonly pid: number
  /** When that process began, and where its pid means anything. */
  readonly began?: string
  readonly space?: string
  readonly at: number
}

/** Is that owner gone, as far as can be seen from here? Of another box or container nothing can. */
async function isDead({ pid, began, space }: Owner): Promise<boolean> {
  return space === (await pidSpace()) && (await beganAt(pid)) !== began
}

/** Two appliances on one database would fight over machines: whoever lost it must not go on. */
function endProcess(error: unknown): void {
  process.stderr.write(`slipway: ${sentence(error)}\n`)
  process.exit(1)
}

/**
 * One appliance owns a remote database: a row with a heartbeat. Throws `lock.held` while another
 * one's is fresh. The wall clock, since two boxes share nothing else. `onLost` is called when the
 * row is another one's, or could not be written for so long that it may soon be.
 */
export async function lockRemote(db: Db, onLost = endProcess): Promise<AsyncDisposable> {
  const self = {
    ...{ instance: crypto.randomUUID(), host: hostname(), pid: process.pid },
    ...{ began: (await beganAt(process.pid)) ?? '', space: await pidSpace() },
  }
  const before = (await readSetting(db.read, 'owner')) as Owner | undefined
  const dead = before && (await isDead(before)) ? before.instance : undefined
  const ours = new Set([self.instance, dead])
  let beatAt = 0
  const beat = async () => {
    await db.write(async (tx) => {
      const owner = (await readSetting(tx, 'owner')) as Owner | undefined
      if (owner && !ours.has(owner.instance) && Date.now() - owner.at < STALE_MS) {
        throw lockFaults.held(
          `another slipway (pid ${owner.pid} on ${owner.host}) uses this database; stop it, or wait ${STALE_MS / SECOND} s after it died`,
        )
      }
      const row: Owner = { ...self, at: Date.now() }
      await writeSetting(tx, 'owner', row)
    })
    beatAt = Date.now()
  }
  await beat()
  const timer = setInterval(() => {
    beat().catch((error: unknown) => {
      const held = error instanceof Fault && error.code === 'lock.held'
      // A server that is away for a moment takes nothing from us before the row is stale.
      if (held || Date.now() - beatAt > STALE_MS - BEAT_MS) onLost(error)
    })
  }, BEAT_MS)
  return {
    async [Symbol.asyncDispose]() {
      clearInterval(timer)
      await db.write((tx) => removeSetting(tx, 'owner'))
    },
  }
}
