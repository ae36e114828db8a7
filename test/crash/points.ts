// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startSimulator } from '../../plugins/simulator/index.ts'
import type { Answer } from '../harness.ts'
import { type ApplianceProcess, applianceProcess } from '../process.ts'
import { auditedJobs, auditFindings } from './audit.ts'
import { addMachine, QUICK, submitJob, type Template } from './template.ts'
import { watch } from './witness.ts'

/** A commit of one job's life, by its place in it. */
export interface Point {
  readonly number: number
  /** `begin redfish.power-off`, `end iso.build`, `status succeeded` … */
  readonly label: string
}

/** Where the appliance dies: with the commit undone, or done and nobody told. */
export type When = 'before' | 'after'

const CUT = join(import.meta.dir, 'cut.ts')
const DONE_MS = 60_000
const over = (job: Answer['body']) => job.status === 'complete' && job.cleanup !== 'pending'

/** Polls until the job is over, through whatever the appliance is going through; every result seen. */
async function follow(appliance: ApplianceProcess, id: string, results: Set<string>) {
  const deadline = performance.now() + DONE_MS
  for (;;) {
    const { body } = await appliance.send('GET', `/api/v1/jobs/${id}`)
    if (body.result) results.add(body.result)
    if (over(body)) return body
    if (performance.now() > deadline) throw new Error(`job ${id} hangs: ${JSON.stringify(body)}`)
    await Bun.sleep(25)
  }
}

export interface PointOutcome {
  readonly result: string
  readonly code: string | undefined
  /** Invariants that did not hold; empty when all is well. */
  readonly findings: readonly string[]
  readonly points: readonly Point[]
}

const parse = (text: string): Point[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const at = line.indexOf(' ')
      return { number: Number(line.slice(0, at)), label: line.slice(at + 1) }
    })

/** Everything that must hold of a data folder and its machine once the job is over. */
async function check(appliance: ApplianceProcess, witness: ReturnType<typeof watch>) {
  const { dataDir } = appliance
  const jobs = auditedJobs(dataDir)
  const left = await readdir(join(dataDir, 'task-isos'))
  return [
    ...(jobs.length === 1 ? [] : [`${jobs.length} jobs`]),
    ...jobs.flatMap((job) => auditFindings(dataDir, job)),
    ...left.map((name) => `${name} was left in task-isos`),
    ...witness.atEnd(jobs),
  ]
}

/** As many as two cores carry: each is an appliance with its machine. */
const AT_ONCE = 3
let free = AT_ONCE
const queue: (() => void)[] = []

/** `runPoint`, when its turn comes. */
export async function runInTurn(...args: Parameters<typeof runPoint>): Promise<PointOutcome> {
  if (free > 0) free -= 1
  else await new Promise<void>((resolve) => queue.push(resolve))
  try {
    return await runPoint(...args)
  } finally {
    const next = queue.shift()
    if (next) next()
    else free += 1
  }
}

/** One job on one machine; with `cut` the appliance dies there once and is started again. */
export async function runPoint(
  template: Template,
  cut?: { readonly number: number; readonly when: When },
): Promise<PointOutcome> {
  await using scope = new AsyncDisposableStack()
  const simulator = scope.use(
    await startSimulator({ machines: [{ personality: 'dell-r750' }], pace: 0.001 }),
  )
  const [machine] = simulator.machines
  if (!machine) throw new Error('no machine')
  const witness = watch(machine)
  const options = { dataFrom: template.folder, preload: CUT }
  const appliance = scope.use(await applianceProcess(QUICK, options))
  const record = join(appliance.dataDir, 'tmp-points.txt')
  const env = { CUT_RECORD: record }
  const results = new Set<string>()

  await appliance.start(cut ? { ...env, CUT_AT: `${cut.number}:${cut.when}` } : env)
  await addMachine(appliance, machine)
  const work = async () => {
    const id = await submitJob(appliance, machine.serial, 'only')
    await follow(appliance, id, results)
  }
  if (!cut) await work()
  else {
    // The appliance is gone in the middle of some answer: that one is lost, as it is for any client.
    const cutShort = work().catch((error: unknown) => error)
    await appliance.gone()
    await cutShort
    await appliance.start()
    await work()
  }
  const [job] = auditedJobs(appliance.dataDir)
  const findings = await check(appliance, witness)
  if (results.size > 1) findings.push(`results seen: ${[...results].join(', ')}`)
  await appliance.end('SIGTERM')
  return {
    result: job?.result ?? 'none',
    code: job?.failed_code ?? undefined,
    findings,
    points: parse(await readFile(record, 'utf8')),
  }
}
