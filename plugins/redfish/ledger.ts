// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'

const Entry = v.object({ origin: v.string(), uri: v.string(), openedAt: v.number() })

/** Every BMC closes an idle session long before (captured timeouts: 30 s to 30 min). */
const FORGOTTEN_AFTER_MS = 24 * 3_600_000

/** Sessions that were opened and not yet deleted, one small file each: what a crash leaves can be swept. */
export interface SessionLedger {
  add(origin: string, uri: string): Promise<void>
  /** Gone at the BMC. */
  remove(origin: string, uri: string): Promise<void>
  /** Could not be deleted: the next contact tries again. */
  release(origin: string, uri: string): void
  /** Those that nobody in this process uses. */
  orphans(origin: string): Promise<readonly string[]>
}

const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 24)

/** A ledger in `folder`, which is made at the first entry. Names carry no secret: tokens are not kept. */
export function createLedger(folder: string, now: () => number): SessionLedger {
  const inUse = new Set<string>()
  /** What the folder holds, read once: thousands of machines are looked up in it. */
  let listed: Promise<Set<string>> | undefined
  const names = () => {
    listed ??= readdir(folder).then(
      (found) => new Set(found),
      () => new Set(),
    )
    return listed
  }
  const nameOf = (origin: string, uri: string) => `${short(origin)}-${short(uri)}.json`
  const remove = async (name: string) => {
    await rm(join(folder, name), { force: true })
    ;(await names()).delete(name)
  }

  /** The session's URI; undefined when the entry is broken or too old, and is then removed. */
  async function read(name: string): Promise<string | undefined> {
    const text = await readFile(join(folder, name), 'utf8').catch(() => '')
    try {
      const entry = v.parse(Entry, JSON.parse(text))
      if (now() - entry.openedAt < FORGOTTEN_AFTER_MS) return entry.uri
    } catch {
      // Cut by a crash: the BMC's own timeout has to do.
    }
    await remove(name)
    return undefined
  }

  return {
    async add(origin, uri) {
      const name = nameOf(origin, uri)
      inUse.add(name)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await writeFile(join(folder, name), JSON.stringify({ origin, uri, openedAt: now() }))
      ;(await names()).add(name)
    },
    async remove(origin, uri) {
      const name = nameOf(origin, uri)
      inUse.delete(name)
      await remove(name)
    },
    release: (origin, uri) => void inUse.delete(nameOf(origin, uri)),
    async orphans(origin) {
      const own = short(origin)
      const ours = [...(await names())].filter((name) => name.startsWith(own) && !inUse.has(name))
      const uris = await Promise.all(ours.map(read))
      return uris.filter((uri) => uri !== undefined)
    },
  }
}
