// SPDX-License-Identifier: AGPL-3.0-or-later
import { MINUTE } from '../../core/units.ts'
import type { JobEvidence, JobView } from '../../schemas/job.ts'
import { type SshKey, ssh } from './ssh.ts'
import { linuxRecipe, type Stage } from './stage.ts'

/** A stretch of the run, from the end of the one before it. */
export interface Phase {
  readonly phase: string
  readonly seconds: number
}

/** How an installation went. */
export interface Installation {
  readonly job: JobView
  readonly phases: readonly Phase[]
  /** What `hostname` printed on the machine; undefined when it did not come so far. */
  readonly hostname: string | undefined
  readonly bytesRead: number
}

/** Longest time from power on to a login, on a slow host. */
const LOGIN_MS = 4 * MINUTE

/** When each phase ended, in the order in which they did. */
export class PhaseClock {
  readonly #ends: { readonly phase: string; readonly at: number }[] = []
  readonly #begin: number

  constructor(begin: number) {
    this.#begin = begin
  }

  /** The phase ended at `at` (Unix ms); said twice, the first counts. */
  end(phase: string, at: number): void {
    if (!this.#ends.some((each) => each.phase === phase)) this.#ends.push({ phase, at })
  }

  get phases(): readonly Phase[] {
    let before = this.#begin
    return this.#ends
      .toSorted((a, b) => a.at - b.at)
      .map(({ phase, at }) => {
        const seconds = Math.round((at - before) / 100) / 10
        before = at
        return { phase, seconds }
      })
  }
}

const timeOf = (text: string | undefined) => (text === undefined ? undefined : Date.parse(text))

/** When the machine's boot loader had the kernel, and the kernel the task medium, by what was read. */
const READ = {
  'firmware to boot loader': ({ slot, level }: JobEvidence) => slot === 'boot' && level === 'read',
  'boot loader to kernel': ({ slot, level }: JobEvidence) => slot === 'task' && level === 'read',
}

/** Reads the job's own times as they come. A step ends when the next one is told of. */
function clockOf(clock: PhaseClock): (job: JobView) => void {
  let step: string | undefined
  return (job) => {
    const ends = (phase: string, at: number | undefined) => at && clock.end(phase, at)
    const seen = (is: (each: JobEvidence) => boolean) => timeOf(job.evidence?.find(is)?.time)
    ends('media inserted', timeOf(job.powered_on_at))
    for (const [phase, is] of Object.entries(READ)) ends(phase, seen(is))
    ends('maintenance OS to claim', timeOf(job.claimed_at))
    const reported = seen(({ level }) => level === 'reported')
    const now = reported ? undefined : job.progress?.step
    if (step !== undefined && step !== now) clock.end(step, reported ?? Date.now())
    step = now !== undefined && STEP.test(now) ? now : undefined
    ends('report', reported)
    ends('power off, media out, power on', timeOf(job.completed_at))
    ends('disk boot to phone home', timeOf(job.booted_at))
  }
}

/** Units of the target; the dispatcher's own words are no step. */
const STEP = /^(?!provision-dispatcher).*\.service$/

/** Who looks on. */
export interface Onlooker {
  /** Told once, before anything happens. */
  submitted?(jobId: string): void
  /** The job, some times a second; waited for. */
  seen?(job: JobView): void | Promise<void>
}

/** One job from its submission to a login on the installed system. Does not throw when the job fails. */
export async function install(
  stage: Stage,
  key: SshKey,
  hostname: string,
  onlooker: Onlooker = {},
): Promise<Installation> {
  const clock = new PhaseClock(Date.now())
  const read = clockOf(clock)
  const seen = async (job: JobView) => {
    read(job)
    await onlooker.seen?.(job)
  }
  const id = await stage.submit(linuxRecipe(stage.firmware, hostname, key.publicLine))
  onlooker.submitted?.(id)
  let job = await stage.until(id, ({ status }) => status === 'complete', seen)
  const bytesRead = job.media.reduce((bytes, { bytes_read }) => bytes + bytes_read, 0)
  const ended = (name?: string) => ({ job, phases: clock.phases, hostname: name, bytesRead })
  if (job.result !== 'succeeded') return ended()
  job = await stage.until(id, ({ booted_at }) => booted_at !== undefined, seen)
  const name = await ssh(key, stage.sshPort, 'hostname', LOGIN_MS)
  clock.end('login by SSH', Date.now())
  return ended(name)
}
