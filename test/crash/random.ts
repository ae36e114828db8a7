// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type RunningMachine,
  type Simulator,
  startSimulator,
} from '../../plugins/simulator/index.ts'
import { type ApplianceProcess, applianceProcess } from '../process.ts'
import { type AuditedJob, auditedJobs, auditFindings } from './audit.ts'
import { addMachine, QUICK, submitJob, type Template } from './template.ts'
import { type Witness, watch } from './witness.ts'

export interface RandomOptions {
  readonly seed: number
  readonly kills: number
  readonly machines: number
  readonly tell?: (line: string) => void
}

export interface RandomOutcome {
  readonly jobs: number
  readonly succeeded: number
  /** Jobs that ended otherwise, by their code. */
  readonly codes: Readonly<Record<string, number>>
  readonly findings: readonly string[]
}

/** Longest life of the appliance between two kills, in ms; short ones are more frequent. */
const LONGEST_LIFE_MS = 6_000
/** Twenty machines boot at once on a crowded computer. */
const PATIENT = ['limits.media_seen_s=10', 'limits.claim_s=15']
/** Fewer passes at once than jobs: so that a kill finds jobs in every phase, not all in the same. */
const PASSES = 5
const END_MS = 180_000
/** From a request for a session until its answer is written down, on a crowded machine. */
const ANSWER_MS = 1_000

/** What a machine may end as that was met by a dead appliance while it booted, and nothing else. */
const EXPECTED = new Set([
  'redfish.media-not-fetched',
  'redfish.not-booted',
  'redfish.insert-refused',
  'machine.unclaimed',
])

/** Mulberry32: the same seed, the same kills. */
function randomOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Keeps a job on every machine; what a kill cut is sent again with its own key. */
async function keepBusy(appliance: ApplianceProcess, machines: readonly RunningMachine[]) {
  const rounds = new Map<string, number>()
  const active = new Set(
    auditedJobs(appliance.dataDir).flatMap((job) => {
      rounds.set(job.serial, (rounds.get(job.serial) ?? 0) + 1)
      return job.status === 'complete' ? [] : [job.serial]
    }),
  )
  await Promise.all(
    machines
      .filter(({ serial }) => !active.has(serial))
      .map(({ serial }) => submitJob(appliance, serial, `${serial}/${rounds.get(serial) ?? 0}`)),
  )
}

async function drained(appliance: ApplianceProcess): Promise<readonly AuditedJob[]> {
  const deadline = performance.now() + END_MS
  for (;;) {
    const jobs = auditedJobs(appliance.dataDir)
    const open = jobs.filter((job) => job.cleanup !== 'done' && job.cleanup !== 'superseded')
    if (open.length === 0 || performance.now() > deadline) return jobs
    await Bun.sleep(200)
  }
}

/**
 * A session whose URI came back in the moment of the kill is known to nobody: the controller's own
 * time-out ends it. Every other one must be closed.
 */
function unknownSessions(machine: RunningMachine, killedAt: readonly number[]): number {
  const opened = machine.requests.filter(
    ({ method, path, at }) =>
      method === 'POST' &&
      path.endsWith('/Sessions') &&
      killedAt.some((kill) => at <= kill && at > kill - ANSWER_MS),
  )
  return opened.length
}

async function inspect(
  appliance: ApplianceProcess,
  simulator: Simulator,
  witnesses: ReadonlyMap<string, Witness>,
  killedAt: readonly number[],
): Promise<RandomOutcome> {
  const jobs = await drained(appliance)
  const left = await readdir(join(appliance.dataDir, 'task-isos'))
  const findings = [
    ...jobs.flatMap((job) => auditFindings(appliance.dataDir, job)),
    ...left.map((name) => `${name} was left in task-isos`),
    ...simulator.machines.flatMap((machine) => {
      const { serial } = machine
      const own = jobs.filter((job) => job.serial === serial)
      const unknown = unknownSessions(machine, killedAt)
      return (witnesses.get(serial)?.atEnd(own, unknown) ?? []).map((what) => `${serial}: ${what}`)
    }),
  ]
  const codes: Record<string, number> = {}
  for (const { result, failed_code: code } of jobs) {
    if (result === 'succeeded') continue
    codes[code ?? 'none'] = (codes[code ?? 'none'] ?? 0) + 1
    if (!EXPECTED.has(code ?? 'none')) findings.push(`a job ended as ${code}`)
  }
  const succeeded = jobs.filter(({ result }) => result === 'succeeded').length
  return { jobs: jobs.length, succeeded, codes, findings: [...new Set(findings)] }
}

/** Kills the appliance at random moments under jobs on all machines, lets the rest run out, and looks. */
export async function runRandom(
  template: Template,
  options: RandomOptions,
): Promise<RandomOutcome> {
  const { seed, kills, machines: count, tell = () => undefined } = options
  const random = randomOf(seed)
  await using scope = new AsyncDisposableStack()
  const specs = Array.from({ length: count }, () => ({ personality: 'dell-r750' }))
  const simulator = scope.use(await startSimulator({ machines: specs, pace: 0.01 }))
  const witnesses = new Map(simulator.machines.map((each) => [each.serial, watch(each)]))
  const set = [...QUICK, ...PATIENT, `jobs.concurrency=${PASSES}`]
  const appliance = scope.use(await applianceProcess(set, { dataFrom: template.folder }))
  await appliance.start()
  for (const machine of simulator.machines) await addMachine(appliance, machine)
  const killedAt: number[] = []
  for (let kill = 1; kill <= kills; kill++) {
    // Cut by the kill: what was not accepted is sent again after the next start.
    const busy = keepBusy(appliance, simulator.machines).catch(() => undefined)
    const lifeMs = Math.round(random() ** 2 * LONGEST_LIFE_MS)
    await Bun.sleep(lifeMs)
    killedAt.push(Date.now())
    await appliance.end('SIGKILL')
    await busy
    const jobs = auditedJobs(appliance.dataDir)
    const done = jobs.filter(({ status }) => status === 'complete').length
    tell(`kill ${kill} after ${lifeMs} ms: ${jobs.length} jobs, ${done} complete`)
    await appliance.start()
  }
  const outcome = await inspect(appliance, simulator, witnesses, killedAt)
  await appliance.end('SIGTERM')
  return outcome
}
