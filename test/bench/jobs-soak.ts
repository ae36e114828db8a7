// SPDX-License-Identifier: AGPL-3.0-or-later
/** Jobs again and again on the same machines: what is left over, and does memory stay flat? */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@libsql/client'
import { residentBytes, startServe } from '../binary/executable.ts'
import { linuxRecipe } from '../harness.ts'
import { startFleet } from './fleet.ts'
import { type Api, allOver, apiOf, must, prepare } from './jobs.ts'

export interface SoakParts {
  readonly command: readonly string[]
  readonly forMs: number
  readonly machines: number
  /** Told after each round. */
  readonly tell: (line: string) => void
}

const ISO_BYTES = 1_228_800
/** Rounds until caches, pages of the database and compiled code are there. */
const WARM_ROUNDS = 3
/** Of the least memory of so many rounds, at the beginning and at the end: garbage comes and goes meanwhile. */
const WINDOW = 10
const GROWTH = 1.35

/** Rows that should be gone once every job is complete. */
const LEFT_OVERS = {
  'leases of jobs': 'select count(*) as n from jobs where lease_owner is not null',
  'leases of machines': 'select count(*) as n from machines where lease_owner is not null',
  'jobs that wait for something': 'select count(*) as n from jobs where next_check_at is not null',
  'media that are still valid': 'select count(*) as n from jobs where media_valid = 1',
  'steps without an end': 'select count(*) as n from journal where outcome is null',
  'jobs that are not complete': "select count(*) as n from jobs where status <> 'complete'",
  'jobs that did not succeed': "select count(*) as n from jobs where result <> 'succeeded'",
}

async function leftRows(dataDir: string): Promise<string[]> {
  const client = createClient({ url: `file:${join(dataDir, 'slipway.db')}` })
  try {
    const found: string[] = []
    for (const [what, query] of Object.entries(LEFT_OVERS)) {
      const count = Number((await client.execute(query)).rows[0]?.['n'])
      if (count > 0) found.push(`${count} ${what}`)
    }
    return found
  } finally {
    client.close()
  }
}

const filesIn = async (folder: string) => (await readdir(folder).catch(() => [])).length
const openFiles = (pid: number) => filesIn(`/proc/${pid}/fd`)

async function round(api: Api, serials: readonly string[]): Promise<void> {
  for (const server_serial of serials) {
    await must(api('POST', '/api/v1/jobs', { server_serial, recipe: linuxRecipe }))
  }
  await allOver(api)
}

/** What is wrong at the end; empty when nothing is. */
export async function soakJobs(parts: SoakParts): Promise<string[]> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-soak-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const fleet = scope.use(await startFleet({ count: parts.machines, answerMs: 2 }))
  const dataDir = join(folder, 'data')
  const env = { TMPDIR: folder }
  const serving = await startServe({ command: parts.command, cwd: folder, dataDir, env })
  scope.defer(() => void serving.process.kill('SIGKILL'))
  const api = await apiOf(serving, dataDir)
  await prepare(api, fleet, folder, ISO_BYTES)
  const { pid } = serving.process
  const serials = fleet.machines.map(({ serial }) => serial)
  const end = performance.now() + parts.forMs
  const rss: number[] = []
  const handles: number[] = []
  for (let rounds = 1; rounds <= WARM_ROUNDS + 1 || performance.now() < end; rounds++) {
    await round(api, serials)
    rss.push(await residentBytes(pid))
    handles.push(await openFiles(pid))
    const mib = Math.round((rss.at(-1) ?? 0) / 1_048_576)
    parts.tell(
      `round ${rounds}: ${rounds * serials.length} jobs, ${mib} MiB, ${handles.at(-1)} files`,
    )
  }
  const found = await leftRows(dataDir)
  const { sessions = Number.NaN, images = [] } = await fleet.ask('state')
  if (sessions !== 0) found.push(`${sessions} sessions at controllers`)
  if (images.length > 0) found.push(`${images.length} images in drives`)
  const taskIsos = await filesIn(join(dataDir, 'task-isos'))
  if (taskIsos > 0) found.push(`${taskIsos} task ISOs`)
  const warm = Math.min(...rss.slice(WARM_ROUNDS, WARM_ROUNDS + WINDOW))
  const last = Math.min(...rss.slice(-WINDOW))
  const [warmHandles = 0, lastHandles = 0] = [handles[WARM_ROUNDS - 1], handles.at(-1)]
  if (last > warm * GROWTH) found.push(`memory grew from ${warm} to ${last} bytes`)
  // Kept connections of machines and controllers come and go; more than one a machine is a leak.
  if (lastHandles > warmHandles + serials.length) {
    found.push(`open files grew from ${warmHandles} to ${lastHandles}`)
  }
  const code = await serving.stop()
  if (code !== 0) found.push(`it ended with ${code} on SIGTERM`)
  return found
}
