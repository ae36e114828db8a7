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
  /** A repository of that registry in which the blob was seen, to mount it from. */
  whereElse(key: UploadKey): Promise<string | undefined>
  seen(key: UploadKey): Promise<void>
}

/** Knows what this process began, and no more. */
export function createUploadMemory(): UploadMemory {
  const locations = new Map<string, string>()
  const places = new Map<string, string>()
  return {
    recall: async (key) => locations.get(nameOf(key)),
    keep: async (key, location) => void locations.set(nameOf(key), location),
    forget: async (key) => void locations.delete(nameOf(key)),
    whereElse: async (key) => places.get(placeName(key)),
    seen: async (key) => void places.set(placeName(key), key.repository),
  }
}

const Kept = v.object({ location: v.string(), digest: v.string(), pid: v.number() })
const Place = v.object({ repository: v.string(), digest: v.string() })

/** Registries keep sessions a day or a week. */
const LONGEST_MS = 7 * DAY

/**
 * Remembers uploads in a folder of the user, so that a process that was killed is followed by one
 * that goes on. An upload that another living process is at is left to that one.
 */
export async function openUploadMemory(folder: string, now: () => number): Promise<UploadMemory> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await removeOld(folder, now())
  const fileOf = (name: string) => join(folder, `${name}.json`)
  return {
    async recall(key) {
      const kept = await readAs(Kept, fileOf(nameOf(key)))
      if (!kept || kept.digest !== key.digest) return undefined
      return kept.pid !== process.pid && isAlive(kept.pid) ? undefined : kept.location
    },
    // The location may hold a secret of the session.
    keep: (key, location) => write(fileOf(nameOf(key)), { ...key, location, pid: process.pid }),
    forget: (key) => rm(fileOf(nameOf(key)), { force: true }),
    async whereElse(key) {
      const place = await readAs(Place, fileOf(placeName(key)))
      return place?.digest === key.digest ? place.repository : undefined
    },
    seen: (key) => write(fileOf(placeName(key)), key),
  }
}

async function readAs<T>(schema: v.GenericSchema<unknown, T>, path: string) {
  const text = await readFile(path, 'utf8').catch(ignoreMissing)
  const parsed = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text)
  return parsed.success ? parsed.output : undefined
}

/** Without fsync: after a power cut we begin anew. */
async function write(path: string, value: object): Promise<void> {
  const temporary = `${path}.${process.pid}`
  await writeFile(temporary, JSON.stringify(value), { mode: 0o600 })
  await rename(temporary, path)
}

const hashOf = (...parts: readonly string[]) =>
  createHash('sha256').update(parts.join(' ')).digest('hex').slice(0, 40)
const nameOf = ({ origin, repository, digest }: UploadKey) => hashOf(origin, repository, digest)
const placeName = ({ origin, digest }: UploadKey) => `seen-${hashOf(origin, digest)}`

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
    // Another process may remove it meanwhile.
    const found = await stat(path).catch(ignoreMissing)
    if (found && now - found.mtimeMs > LONGEST_MS) await rm(path, { force: true })
  }
}
