// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startSimulator } from '../../plugins/simulator/index.ts'
import type { Answer } from '../harness.ts'
import { type ApplianceProcess, applianceProcess } from '../process.ts'
import { auditedJobs, auditFindings } from './audit.ts'
import { addMachine, QUICK, submitJob, type Template } from './template.ts'
import { watch } from './witness.ts'

/** Where the appliance dies: with the commit undone, or done and nobody told. */
export type When = 'before' | 'after'

const CUT = join(import.meta.dir, 'cut.ts')
/** Slow enough that the machine is still at work when the appliance is back: a wrong reset meets it. */
const PACE = 0.02
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
  /** Commits of the job's life in their order: `begin iso.build`, `end iso.build`, `claimed_at` … */
  readonly labels: readonly string[]
}

/** Each label once: how often a pass looks whether the machine is off, say, is chance. */
const labelsIn = (record: string): string[] => [
  ...new Set(record.split('\n').filter((line) => line !== '')),
]

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
const AT_ONCE = 4
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
  cut?: { readonly label: string; readonly when: When },
): Promise<PointOutcome> {
  await using scope = new AsyncDisposableStack()
  const simulator = scope.use(
    await startSimulator({ machines: [{ personality: 'dell-r750' }], pace: PACE }),
  )
  const [machine] = simulator.machines
  if (!machine) throw new Error('no machine')
  const witness = watch(machine)
  const options = { dataFrom: template.folder, preload: CUT }
  const appliance = scope.use(await applianceProcess(QUICK, options))
  const record = join(appliance.dataDir, 'tmp-points.txt')
  const env = { CUT_RECORD: record }
  const results = new Set<string>()

  await appliance.start(cut ? { ...env, CUT_AT: `${cut.when} ${cut.label}` } : env)
  await addMachine(appliance, machine)
  const work = async () => {
    const id = await submitJob(appliance, machine.serial, 'only')
    await follow(appliance, id, results)
  }
  if (!cut) await work()
  else {
    // The appliance is gone in the middle of some answer: that one is lost, as it is for any client.
    const cutShort = work().then(
      () => Promise.reject(new Error(`"${cut.label}" was not reached`)),
      () => undefined,
    )
    await Promise.all([appliance.gone(), cutShort])
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
    labels: labelsIn(await readFile(record, 'utf8')),
  }
}
