// SPDX-License-Identifier: AGPL-3.0-or-later
import { access, constants, statfs } from 'node:fs/promises'
import { sql } from 'drizzle-orm'
import { Hono } from 'hono'
import { sentence } from '../faults.ts'
import type { Hooks } from '../hooks.ts'
import type { Db } from '../store/client.ts'
import { MiB } from '../units.ts'
import type { ApiEnv } from './env.ts'

/** Less free space than this in the data folder, and a task ISO may not fit. */
const LEAST_FREE_BYTES = 64 * MiB
const LONGEST_CHECK_MS = 5_000

export interface HealthParts {
  readonly db: Db
  readonly hooks: Hooks
  readonly dataDir: string
}

async function storage(dataDir: string): Promise<void> {
  await access(dataDir, constants.W_OK)
  const { bavail, bsize } = await statfs(dataDir)
  if (bavail * bsize < LEAST_FREE_BYTES) {
    throw new Error(`less than ${LEAST_FREE_BYTES / MiB} MiB are free in the data folder`)
  }
}

async function judged(check: Promise<unknown>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer within 5 s')), LONGEST_CHECK_MS)
  })
  try {
    await Promise.race([check, late])
    return 'ok'
  } catch (error) {
    return sentence(error)
  } finally {
    clearTimeout(timer)
  }
}

/** `/healthz`: the process answers. `/readyz`: database, storage and every plugin can serve. */
export function healthRoutes({ db, hooks, dataDir }: HealthParts): Hono<ApiEnv> {
  return new Hono<ApiEnv>()
    .get('/healthz', (c) => c.json({ ok: true }))
    .get('/readyz', async (c) => {
      const [database, disk, plugins] = await Promise.all([
        judged(db.read.run(sql`select 1`)),
        judged(storage(dataDir)),
        judged(hooks.ready.promise()),
      ])
      const checks = { database, storage: disk, plugins }
      const ready = Object.values(checks).every((answer) => answer === 'ok')
      return c.json({ ready, checks }, ready ? 200 : 503)
    })
}
