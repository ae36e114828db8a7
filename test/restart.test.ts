// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeSampleBootIso } from '../plugins/iso/index.ts'
import {
  type Interception,
  type RunningMachine,
  startSimulator,
} from '../plugins/simulator/index.ts'
import { linuxRecipe } from './harness.ts'
import { type ApplianceProcess, applianceProcess } from './process.ts'
import { complete } from './stage.ts'

let folder: string
let bootIso: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-restart-'))
  bootIso = join(folder, 'boot.iso')
  await writeSampleBootIso(bootIso)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** A gate in front of a controller: tells when a request came to it, and holds it until opened. */
function gate(closes: (asked: { method: string; path: string; text: string }) => boolean) {
  const reached = Promise.withResolvers<void>()
  const opened = Promise.withResolvers<void>()
  const interception: Interception = async (asked, next) => {
    if (closes(asked)) {
      reached.resolve()
      await opened.promise
    }
    return next()
  }
  return { interception, reached: reached.promise, open: () => opened.resolve() }
}

async function add(appliance: ApplianceProcess, machine: RunningMachine) {
  await appliance.send('POST', '/api/v1/machines', {
    serial: machine.serial,
    bmc_url: machine.bmcUrl,
    username: machine.username,
    password: machine.password,
  })
}

const submit = async (appliance: ApplianceProcess, machine: RunningMachine): Promise<string> =>
  (
    await appliance.send('POST', '/api/v1/jobs', {
      server_serial: machine.serial,
      recipe: linuxRecipe,
    })
  ).body.job_id

const isReset = (type: string) => (asked: { path: string; text: string }) =>
  asked.path.endsWith('ComputerSystem.Reset') && asked.text.includes(`"${type}"`)
const isEject = (asked: { path: string }) => asked.path.endsWith('EjectMedia')

/** Brings a job into a phase and says when it is there; `open` lets what was held go on. */
interface Phase {
  readonly name: string
  readonly set?: readonly string[]
  reach(
    appliance: ApplianceProcess,
    machines: readonly [RunningMachine, RunningMachine],
  ): Promise<{ id: string; open(): void }>
}

const phases: readonly Phase[] = [
  {
    name: 'queued',
    set: ['jobs.concurrency=1'],
    async reach(appliance, [machine, other]) {
      // The only run is held at another controller; our job waits its turn.
      const held = gate(() => true)
      other.faults.add(held.interception)
      await submit(appliance, other)
      await held.reached
      return { id: await submit(appliance, machine), open: held.open }
    },
  },
  {
    name: 'launched',
    async reach(appliance, [machine]) {
      const held = gate(isReset('On'))
      machine.faults.add(held.interception)
      const id = await submit(appliance, machine)
      await held.reached
      return { id, open: held.open }
    },
  },
  {
    name: 'claimed',
    async reach(appliance, [machine]) {
      const id = await submit(appliance, machine)
      await appliance.until(id, (job) => job.claimed_at !== undefined)
      return { id, open: () => undefined }
    },
  },
  {
    name: 'reported',
    async reach(appliance, [machine]) {
      const id = await submit(appliance, machine)
      await appliance.until(id, (job) => job.powered_on_at !== undefined)
      const held = gate(() => true)
      machine.faults.add(held.interception)
      await appliance.until(id, (job) => job.status === 'succeeded')
      return { id, open: held.open }
    },
  },
  {
    name: 'cleaning',
    async reach(appliance, [machine]) {
      const id = await submit(appliance, machine)
      await appliance.until(id, (job) => job.powered_on_at !== undefined)
      const held = gate(isEject)
      machine.faults.add(held.interception)
      await held.reached
      return { id, open: held.open }
    },
  },
]

const cases = phases.flatMap((phase) =>
  (['SIGTERM', 'SIGKILL'] as const).map((signal) => ({ ...phase, signal })),
)

test.each(cases)(
  'a $signal while the job is $name: after the restart it ends as if nothing had happened',
  async ({ set = [], reach, signal }) => {
    await using appliance = await applianceProcess([
      'limits.media_seen_s=5',
      'limits.start_grace_s=1',
      ...set,
    ])
    // As fast as a machine may be that must still be met in the middle of its work.
    await using simulator = await startSimulator({
      machines: [{ personality: 'dell-r750' }, { personality: 'dell-r750' }],
      pace: 0.005,
    })
    const [machine, other] = simulator.machines
    if (!machine || !other) throw new Error('two machines were asked for')
    await appliance.start()
    await appliance.send('PUT', '/api/v1/maintenance', Bun.file(bootIso))
    await add(appliance, machine)
    await add(appliance, other)

    const { id, open } = await reach(appliance, [machine, other])
    const ended = await appliance.end(signal)
    if (signal === 'SIGTERM') expect(ended).toBe(0)
    open()
    await appliance.start()

    const job = await appliance.until(id, complete)
    expect(job).toMatchObject({ result: 'succeeded', cleanup: 'done' })
    expect(job.events.map(({ message }: { message: string }) => message)).toContainEqual(
      expect.stringContaining('the appliance started again'),
    )
    const state = machine.state()
    expect(state.power).toBe('On')
    expect(state.drives.some((drive) => drive.occupied)).toBe(false)
    expect(state.disk.bootable).toBe(true)
    // The work on the disk was begun once: nothing cut it by a second launch.
    expect(state.disk.writtenBy).toBe(id)
    expect(
      machine.requests.filter((each) => each.body?.['ResetType'] === 'On').length,
    ).toBeLessThan(5)
  },
  60_000,
)
