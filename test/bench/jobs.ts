// SPDX-License-Identifier: AGPL-3.0-or-later
/** Many jobs at once: how fast, what it costs, and what the same work costs without an appliance. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSampleBootIso } from '../../plugins/iso/index.ts'
import { type Serving, startServe } from '../binary/executable.ts'
import { linuxRecipe } from '../harness.ts'
import { type Fleet, type FleetLoad, startFleet } from './fleet.ts'
import { measureFloor } from './floor.ts'

export interface JobsBench {
  readonly machines: number
  readonly concurrency: number
  readonly answerMs: number
  readonly isoBytes: number
  /** The appliance: the built file, or Bun with the sources. */
  readonly command: readonly string[]
}

export interface JobsFigures {
  readonly machines: number
  readonly concurrency: number
  readonly wall_ms: number
  readonly jobs_per_second: number
  readonly floor_ms: number
  readonly ratio: number
  readonly get_p50_ms: number
  readonly get_p99_ms: number
  readonly gets: number
  readonly peak_rss_bytes: number
  /** Of the appliance, and of the bare loop. */
  readonly cpu_ms_per_job: number
  readonly floor_cpu_ms_per_job: number
  /** Of the simulated machines during the one and the other. */
  readonly fleet_cpu_ms_per_job: number
  readonly floor_fleet_cpu_ms_per_job: number
  readonly requests_per_job: number
  readonly floor_requests_per_job: number
  readonly media_reads_per_job: number
  readonly floor_media_reads_per_job: number
  readonly media_kib_per_job: number
  readonly floor_media_kib_per_job: number
  readonly sessions_left: number
  readonly images_left: number
  readonly succeeded: number
}

const LIMIT_MS = 1_800_000
const SUBMITTERS = 16

/** One request as the admin. */
export type Api = (method: string, path: string, body?: unknown) => Promise<Response>

/** Requests to an appliance as its admin. */
export async function apiOf(serving: Serving, dataDir: string): Promise<Api> {
  const token = (await readFile(join(dataDir, 'admin.token'), 'utf8')).trim()
  return (method, path, body) =>
    fetch(`${serving.local}${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: body instanceof Blob ? body : JSON.stringify(body) }),
    })
}

/** The JSON of a good answer; throws what another one says. */
export async function must(answer: Promise<Response>) {
  const response = await answer
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`)
  return response.json()
}

/** The machines and a medium to boot are known. */
export async function prepare(
  api: Api,
  fleet: Fleet,
  folder: string,
  isoBytes: number,
): Promise<void> {
  const iso = join(folder, 'boot.iso')
  await writeSampleBootIso(iso, { sizeBytes: isoBytes })
  await must(api('PUT', '/api/v1/maintenance', Bun.file(iso)))
  await must(api('POST', '/api/v1/machines/import', { machines: fleet.machines }))
}

async function submitAll(api: Api, fleet: Fleet): Promise<string[]> {
  const ids: string[] = []
  const waiting = [...fleet.machines]
  const submitter = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const request = { server_serial: next.serial, recipe: linuxRecipe }
      const { job_id } = (await must(api('POST', '/api/v1/jobs', request))) as { job_id: string }
      ids.push(job_id)
    }
  }
  await Promise.all(Array.from({ length: SUBMITTERS }, submitter))
  return ids
}

const count = async (api: Api, query: string) => {
  const { jobs } = (await must(api('GET', `/api/v1/jobs?${query}&limit=1`))) as { jobs: unknown[] }
  return jobs.length
}

/** Resolves when every job is complete. */
export async function allOver(api: Api): Promise<void> {
  const end = performance.now() + LIMIT_MS
  for (const status of ['queued', 'provisioning', 'succeeded', 'failed']) {
    while ((await count(api, `status=${status}`)) > 0) {
      if (performance.now() > end) throw new Error(`jobs are still ${status}`)
      await Bun.sleep(100)
    }
  }
}

/** Asks for one job after the other until told to stop; how long each answer took. */
function askMeanwhile(api: Api, ids: () => readonly string[]) {
  const times: number[] = []
  let stopped = false
  const asking = (async () => {
    for (let index = 0; !stopped; index++) {
      const known = ids()
      const id = known[(index * 7) % Math.max(1, known.length)]
      if (id) {
        const started = performance.now()
        await must(api('GET', `/api/v1/jobs/${id}`))
        times.push(performance.now() - started)
      }
      await Bun.sleep(10)
    }
  })()
  return async () => {
    stopped = true
    await asking
    return times.sort((a, b) => a - b)
  }
}

/** The most memory that a process ever held. */
export const peakBytes = async (pid: number) =>
  Number(/^VmHWM:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024

/** User and system time of a process so far, in ms. */
async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // After the name, which may hold anything: utime and stime are the 12th and 13th, in 1/100 s.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const NO_LOAD: FleetLoad = { requests: 0, reads: 0, bytes: 0, cpuMs: 0 }
const loadOf = async (fleet: Fleet) => (await fleet.ask('load')).load ?? NO_LOAD

/** What came upon the fleet between two looks, for each job. */
function perJob(before: FleetLoad, after: FleetLoad, jobs: number) {
  const each = (of: (load: FleetLoad) => number) =>
    Number(((of(after) - of(before)) / jobs).toFixed(1))
  return {
    requests: each((load) => load.requests),
    reads: each((load) => load.reads),
    kib: each((load) => load.bytes / 1_024),
    cpu: each((load) => load.cpuMs),
  }
}

const at = (sorted: readonly number[], part: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN

async function succeeded(api: Api): Promise<number> {
  const metrics = await (await api('GET', '/metrics')).text()
  const line = /^slipway_job_results_total\{[^}]*succeeded[^}]*\} (\d+)$/m.exec(metrics)
  return Number(line?.[1] ?? 0)
}

/** Starts fleet and appliance, runs one job on each machine, then the floor on the same fleet. */
export async function benchJobs(bench: JobsBench): Promise<JobsFigures> {
  await using scope = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'slipway-bench-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const fleet = scope.use(await startFleet({ count: bench.machines, answerMs: bench.answerMs }))
  const dataDir = join(folder, 'data')
  const serving = await startServe({
    command: bench.command,
    cwd: folder,
    dataDir,
    env: { TMPDIR: folder, SLIPWAY_JOBS_CONCURRENCY: `${bench.concurrency}` },
  })
  scope.defer(() => void serving.process.kill('SIGKILL'))
  const api = await apiOf(serving, dataDir)
  await prepare(api, fleet, folder, bench.isoBytes)
  const ids: string[] = []
  const { pid } = serving.process
  const [cpuBefore, loadBefore] = [await cpuMs(pid), await loadOf(fleet)]
  const stopAsking = askMeanwhile(api, () => ids)
  const started = performance.now()
  ids.push(...(await submitAll(api, fleet)))
  await allOver(api)
  const wall = performance.now() - started
  const cpu = (await cpuMs(pid)) - cpuBefore
  const loadBetween = await loadOf(fleet)
  const times = await stopAsking()
  const { sessions = Number.NaN, images = [] } = await fleet.ask('state')
  const figures = {
    machines: bench.machines,
    concurrency: bench.concurrency,
    wall_ms: Math.round(wall),
    jobs_per_second: Number((bench.machines / (wall / 1_000)).toFixed(1)),
    get_p50_ms: Number(at(times, 0.5).toFixed(1)),
    get_p99_ms: Number(at(times, 0.99).toFixed(1)),
    gets: times.length,
    peak_rss_bytes: await peakBytes(pid),
    sessions_left: sessions,
    images_left: images.length,
    succeeded: await succeeded(api),
  }
  await serving.stop()
  const { requests: orders = [] } = await fleet.ask('requests')
  const ownBefore = process.cpuUsage()
  const floor = await measureFloor({ ...bench, machines: fleet.machines, orders })
  const own = process.cpuUsage(ownBefore)
  const asked = perJob(loadBefore, loadBetween, bench.machines)
  const floorAsked = perJob(loadBetween, await loadOf(fleet), bench.machines)
  return {
    ...figures,
    floor_ms: Math.round(floor),
    ratio: Number((wall / floor).toFixed(2)),
    cpu_ms_per_job: Number((cpu / bench.machines).toFixed(1)),
    floor_cpu_ms_per_job: Number(((own.user + own.system) / 1_000 / bench.machines).toFixed(1)),
    fleet_cpu_ms_per_job: asked.cpu,
    floor_fleet_cpu_ms_per_job: floorAsked.cpu,
    requests_per_job: asked.requests,
    floor_requests_per_job: floorAsked.requests,
    media_reads_per_job: asked.reads,
    floor_media_reads_per_job: floorAsked.reads,
    media_kib_per_job: asked.kib,
    floor_media_kib_per_job: floorAsked.kib,
  }
}
