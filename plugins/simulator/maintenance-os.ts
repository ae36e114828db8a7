// SPDX-License-Identifier: AGPL-3.0-or-later
import { sentence } from '../../core/faults.ts'
import { ApplianceClient, type Reply } from '../../core/webhook/appliance-client.ts'
import type { Disk } from './disk.ts'
import type { Pace } from './pace.ts'
import { type MachineScript, type Unit, unitsOf } from './scripts.ts'
import type { TaskMedium } from './task-medium.ts'

/** How far the operating system on a machine has come. */
export type Stage =
  | 'idle'
  | 'checking'
  | 'refused'
  | 'claimed'
  | 'writing'
  | 'finishing'
  | 'silent'
  | 'reported'

/** The machine as its maintenance OS finds it, and whom it tells. */
export interface MaintenanceParts {
  /** As DMI says. */
  readonly serial: string
  readonly uuid: string
  /** Sent with the claim; the disk stands in it under this path. */
  readonly inventory: (diskPath: string) => Readonly<Record<string, unknown>>
  readonly disk: Disk
  readonly script: MachineScript
  readonly pace: Pace
  /** Longest time without any answer to the claim before the machine gives up, in ms of ours. */
  readonly claimPatienceMs: number
  readonly now: () => number
  readonly stage: (stage: Stage, jobId: string) => void
  readonly tell: (what: string, detail: string) => void
}

/** Why the play stopped before its end. */
type Ending = 'off' | 'crashed' | 'silent'

/**
 * Plays the dispatcher of the maintenance OS on one boot: claims, works through the units, reports.
 * Ends with what the machine does then. Rejects with the signal's reason when power goes.
 */
export async function runDispatcher(
  parts: MaintenanceParts,
  media: readonly TaskMedium[],
  signal: AbortSignal,
): Promise<Ending> {
  const mine = media.filter((medium) => isForMe(medium, parts))
  const [first] = media
  if (mine.length === 0 && first) return await new Play(parts, first, signal).mismatch()
  for (const medium of mine) {
    const ending = await new Play(parts, medium, signal).run()
    if (ending !== 'refused') return ending
  }
  return 'off'
}

/** Serial, alias or UUID; the latter in any letter case. */
function isForMe({ job }: TaskMedium, { serial, uuid }: MaintenanceParts): boolean {
  return job.serials.includes(serial) || job.uuid?.toLowerCase() === uuid.toLowerCase()
}

/** One job on one boot of the machine. */
class Play {
  readonly #parts: MaintenanceParts
  readonly #medium: TaskMedium
  readonly #signal: AbortSignal
  readonly #client: ApplianceClient
  readonly #nonce = crypto.randomUUID()
  readonly #bootId = crypto.randomUUID()
  readonly #startedAt: number

  constructor(parts: MaintenanceParts, medium: TaskMedium, signal: AbortSignal) {
    this.#parts = parts
    this.#medium = medium
    this.#signal = signal
    const { pace, tell } = parts
    const pause = (ms: number, stop: AbortSignal) => pace.pause(ms, stop)
    this.#client = new ApplianceClient(medium.job, { pause, tell })
    this.#startedAt = parts.now()
  }

  async run(): Promise<Ending | 'refused'> {
    await using _client = this.#client
    const { script } = this.#parts
    this.#stage('checking')
    await this.#progress({ phase: 'booting', step: 'provision-dispatcher.service' })
    await this.#progress({ phase: 'checking', step: 'provision-dispatcher.service' })
    if (!script.claims) return this.#fallSilent()
    if (!(await this.#claim())) {
      this.#stage('refused')
      return 'refused'
    }
    this.#stage('claimed')
    return script.silentAfterClaim ? this.#fallSilent() : await this.#work()
  }

  /** The medium is another machine's: said in a report, nothing is written. */
  async mismatch(): Promise<Ending> {
    await using _client = this.#client
    const { serial, uuid } = this.#parts
    this.#stage('refused')
    const message = `this machine says serial ${serial}, UUID ${uuid}: machine alias add`
    return await this.#report({ status: 'failed', failed_step: 'machine.mismatch', message })
  }

  async #work(): Promise<Ending> {
    const { script } = this.#parts
    const target = this.#medium.recipe.task_target
    const units = unitsOf(target)
    if (!units) {
      const message = `the maintenance OS has no ${target}`
      return await this.#fail('provision-dispatcher.service', message)
    }
    if (units.length > 0) this.#stage('writing')
    for (const [index, unit] of units.entries()) {
      if (!(await this.#writeUnit(unit, index, units.length))) return 'off'
      if (unit.name === script.failsAt) return await this.#fail(unit.name)
      this.#parts.disk.wrote(this.#medium.job.job_id, unit.name)
      if (unit.name === script.crashesAt) return 'crashed'
    }
    if (script.failsAt !== undefined) return await this.#fail(script.failsAt)
    if (units.length > 0) this.#parts.disk.finished()
    this.#stage('finishing')
    await this.#progress({ phase: 'finishing', percent: 100 })
    return await this.#report({ status: 'success' })
  }

  /** False when the appliance says that the job is over: the dispatcher stops its target. */
  async #writeUnit({ name, ms, reports }: Unit, index: number, count: number): Promise<boolean> {
    await this.#log('info', name, `Starting ${name}`)
    for (let part = 0; part < reports; part += 1) {
      const percent = Math.floor((100 * (index + part / reports)) / count)
      if (await this.#progress({ phase: 'writing', step: name, percent })) return false
      await this.#parts.pace.wait(ms / reports, this.#signal)
    }
    return true
  }

  async #fail(
    failed_step: string,
    message = `${failed_step} ended with status 1`,
  ): Promise<Ending> {
    await this.#log('error', failed_step, message)
    return await this.#report({ status: 'failed', failed_step, message })
  }

  #fallSilent(): Ending {
    this.#stage('silent')
    return 'silent'
  }

  /** False when the machine must write nothing. */
  async #claim(): Promise<boolean> {
    const { serial, uuid, inventory, disk, now, claimPatienceMs, tell } = this.#parts
    const { job, recipe } = this.#medium
    // Kernels name disks as they like: here as the recipe does.
    const path = typeof recipe.target_disk === 'string' ? recipe.target_disk : '/dev/sda'
    const body = {
      nonce: this.#nonce,
      boot_id: this.#bootId,
      serial,
      uuid,
      // A target without a disk claims none: a retry would consent to it.
      ...(recipe.target_disk === undefined
        ? {}
        : { target_disk: { path, serial: disk.serial, wwn: disk.wwn } }),
      inventory: inventory(path),
    }
    const givesUpAt = now() + claimPatienceMs
    const until = {
      answered: ({ status }: Reply) => status < 500,
      givesUp: () => now() > givesUpAt,
    }
    const reply = await this.#client.repeat(job.claim_url, body, until, this.#signal)
    tell('claim', reply ? `answered ${reply.status}` : 'not answered')
    return reply?.status === 200
  }

  /** Delivers the end of the job; off when that was taken. */
  async #report(report: Readonly<Record<string, unknown>>): Promise<Ending> {
    const { now, tell } = this.#parts
    const { job, recipe } = this.#medium
    const body = {
      ...report,
      delivery_id: crypto.randomUUID(),
      task_target: recipe.task_target,
      started_at: new Date(this.#startedAt).toISOString(),
      finished_at: new Date(now()).toISOString(),
      dispatcher_version: 'simulator',
    }
    const answered = ({ status }: Reply) => status < 500 && status !== 429
    const until = { answered, givesUp: () => false }
    const reply = await this.#client.repeat(job.report_url, body, until, this.#signal)
    tell('report', `${report['status']} answered ${reply?.status}`)
    this.#stage('reported')
    return reply?.status === 200 ? 'off' : 'silent'
  }

  /** Says how far it is; true when the appliance says that the job is over. */
  #progress(progress: Readonly<Record<string, unknown>>): Promise<boolean> {
    return this.#say(this.#medium.job.report_url, { status: 'progress', ...progress })
  }

  /** Adds to the log that the job shows. */
  async #log(level: 'info' | 'error', step: string, line: string): Promise<void> {
    await this.#say(this.#medium.job.log_url, { level, step, lines: [line] })
  }

  /** Says something once: it is news, not a promise, and the work goes on without it. */
  async #say(path: string, body: unknown): Promise<boolean> {
    const { tell } = this.#parts
    try {
      const reply = await this.#client.post(path, body, this.#signal)
      if (reply.status >= 400) tell('news', `${path} answered ${reply.status}`)
      return reply.over
    } catch (error) {
      this.#signal.throwIfAborted()
      tell('news', `not delivered: ${sentence(error)}`)
      return false
    }
  }

  #stage(stage: Stage): void {
    this.#parts.stage(stage, this.#medium.job.job_id)
  }
}
