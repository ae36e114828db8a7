// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { DAY } from '../../../core/units.ts'

export interface UploadKey {
  readonly origin: string
  readonly repository: string
  readonly digest: string
}

/** Where uploads that were begun go on. What is lost here costs a new upload, nothing else. */
export interface UploadMemory {
  recall(key: UploadKey): Promise<string | undefined>
  keep(key: UploadKey, location: string): Promise<void>
  forget(key: UploadKey): Promise<void>
}

/** Knows what this process began, and no more. */
export function createUploadMemory(): UploadMemory {
  const locations = new Map<string, string>()
  return {
    recall: async (key) => locations.get(nameOf(key)),
    keep: async (key, location) => void locations.set(nameOf(key), location),
    forget: async (key) => void locations.delete(nameOf(key)),
  }
}

const Kept = v.object({ location: v.string(), digest: v.string(), pid: v.number() })

/** Registries keep sessions a day or a week. */
const LONGEST_MS = 7 * DAY

/**
 * Remembers uploads in a folder of the user, so that a process that was killed is followed by one
 * that goes on. An upload that another living process is at is left to that one.
 */
export async function openUploadMemory(folder: string, now: () => number): Promise<UploadMemory> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeOld(folder, now())
  const fileOf = (key: UploadKey) => join(folder, `${nameOf(key)}.json`)
  return {
    async recall(key) {
      const text = await readFile(fileOf(key), 'utf8').catch(ignoreMissing)
      const kept = v.safeParse(v.pipe(v.string(), v.parseJson(), Kept), text)
      if (!kept.success || kept.output.digest !== key.digest) return undefined
      return kept.output.pid !== process.pid && isAlive(kept.output.pid)
        ? undefined
        : kept.output.location
    },
    async keep(key, location) {
      const temporary = `${fileOf(key)}.${process.pid}`
      // The location may hold a secret of the session. No fsync: after a power cut we begin anew.
      const text = JSON.stringify({ ...key, location, pid: process.pid })
      await writeFile(temporary, text, { mode: 0o600 })
      await rename(temporary, fileOf(key))
    },
    async forget(key) {
      await rm(fileOf(key), { force: true })
    },
  }
}

const nameOf = ({ origin, repository, digest }: UploadKey) =>
  createHash('sha256').update(`${origin} ${repository} ${digest}`).digest('hex').slice(0, 40)

const ignoreMissing = (error: NodeJS.ErrnoException) => {
  if (error.code === 'ENOENT') return undefined
  throw error
}

/** EPERM: it lives, but is not ours. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

async function removeOld(folder: string, now: number): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: now }))
    if (now - mtimeMs > LONGEST_MS) await rm(path, { force: true })
  }
}
