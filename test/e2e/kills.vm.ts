// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * The appliance is killed and started again in every phase of one real installation. Not a part of
 * `scripts/test`. Run by `scripts/soak e2e kills`.
 */
import { expect, test } from 'bun:test'
import { MINUTE } from '../../core/units.ts'
import type { Interception } from '../../plugins/simulator/index.ts'
import type { JobView } from '../../schemas/job.ts'
import { install } from './install.ts'
import type { Stage } from './stage.ts'
import { artifacts, ownStage } from './theatre.ts'

/** `ends`: the machine has booted from the medium, so this is the cleanup. */
type Order = (method: string, path: string, body: string, ends: boolean) => boolean

/** Moments at the controller, killed before it has answered. In the order in which they come. */
const ORDERS: Readonly<Record<string, Order>> = {
  'boot image goes in': (_, path) => /\/1\/Actions\/VirtualMedia.InsertMedia$/.test(path),
  'task image goes in': (_, path) => /\/2\/Actions\/VirtualMedia.InsertMedia$/.test(path),
  'boot override': (method, _, body) => method === 'PATCH' && body.includes('"Once"'),
  'power on': (_, path, body) => path.endsWith('ComputerSystem.Reset') && body.includes('"On"'),
  'media go out': (_, path, __, ends) => ends && path.endsWith('VirtualMedia.EjectMedia'),
  'power on from the disk': (_, path, body, ends) =>
    ends && path.endsWith('ComputerSystem.Reset') && body.includes('"On"'),
}

const step = (name: string) => (job: JobView) => job.progress?.step === `${name}.service`
const seen =
  (level: string, slot?: string) =>
  ({ evidence }: JobView) =>
    evidence?.some((each) => each.level === level && (!slot || each.slot === slot)) === true

/** Moments of the job, as it shows them. */
const SIGHTS: Readonly<Record<string, (job: JobView) => boolean>> = {
  'firmware reads': seen('read', 'boot'),
  'kernel reads the task medium': seen('read', 'task'),
  claim: ({ claimed_at }) => claimed_at !== undefined,
  partition: step('partition'),
  'image begins': step('image-linux'),
  'image is pulled half': ({ progress }) => (progress?.pull?.percent ?? 0) > 50,
  bootloader: step('bootloader-linux'),
  'config drive': step('config-drive'),
  report: seen('reported'),
  complete: ({ status }) => status === 'complete',
}

/** Kills and starts the appliance, one after the other; a moment that was is over. */
class Reaper {
  readonly killed: string[] = []
  readonly #stage: Stage
  #restarts: Promise<void> = Promise.resolve()

  constructor(stage: Stage) {
    this.#stage = stage
  }

  async at(moment: string): Promise<void> {
    if (this.killed.includes(moment)) return
    this.killed.push(moment)
    const { appliance } = this.#stage
    this.#restarts = this.#restarts.then(async () => {
      await appliance.kill()
      await appliance.start()
    })
    await this.#restarts
  }

  /** The controller goes on with what it was told: only the one who told it is gone. */
  readonly interception: Interception = async (asked, next) => {
    for (const [moment, is] of Object.entries(ORDERS)) {
      const { boots } = this.#stage.controller.state()
      if (this.killed.includes(moment)) continue
      if (!is(asked.method, asked.path, asked.text, boots.length > 0)) continue
      this.killed.push(moment)
      await this.#stage.appliance.kill()
      this.#restarts = this.#stage.appliance.start()
    }
    return await next()
  }
}

test(
  'a job ends as if nothing had happened when the appliance is killed in every phase of it',
  async () => {
    await using own = await ownStage(await artifacts(console.error))
    const { stage, key } = own
    const reaper = new Reaper(stage)
    stage.controller.faults.add(reaper.interception)
    const { job, hostname } = await install(stage, key, 'node-0003', {
      async seen(now) {
        for (const [moment, is] of Object.entries(SIGHTS)) if (is(now)) await reaper.at(moment)
      },
    })
    const reason = job.failed_reason ?? (job.result === 'succeeded' ? '' : await own.console())
    expect([job.result, reason, hostname]).toEqual(['succeeded', '', 'node-0003'])
    expect(job.cleanup).toBe('done')
    expect(job.evidence?.filter(({ level }) => level === 'reported')).toHaveLength(1)
    expect(stage.controller.state().drives.filter(({ occupied }) => occupied)).toEqual([])
    expect(reaper.killed.toSorted()).toEqual(
      [...Object.keys(ORDERS), ...Object.keys(SIGHTS)].toSorted(),
    )
    console.error(`killed at: ${reaper.killed.join(', ')}; launches: ${job.launches}`)
  },
  15 * MINUTE,
)
