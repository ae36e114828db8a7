// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePorts } from '../binary/executable.ts'
import type { RunningAppliance } from '../harness.ts'
import { post, ready } from '../stage.ts'
import { maintenanceIso, qemuTree } from './artifacts.ts'
import { Guest, type GuestSpec } from './guest.ts'

const EXECUTABLE = resolve(import.meta.dir, '../../dist/slipway')

/** Where QEMU's own network shows the host's loopback. */
const HOST_AS_SEEN = '10.0.2.2'

/** A job that was launched, for a machine that we put its media into by hand. */
export interface Launched {
  readonly id: string
  readonly serial: string
  readonly taskIso: string
}

/** What a guest is told of itself, over what the stage knows. */
export type GuestWishes = Pick<GuestSpec, 'network'> & Partial<GuestSpec>

/** An appliance that guests can call, the maintenance ISO of this tree, and QEMU. */
export interface GuestStage extends AsyncDisposable {
  readonly running: RunningAppliance
  readonly folder: string
  launch(recipe: object): Promise<Launched>
  boot(job: Launched, wishes: GuestWishes): Promise<Guest>
}

/** The executable must have been built: its ISO is made, or taken from the cache. */
export async function guestStage(): Promise<GuestStage> {
  const say = (what: string) => console.error(what)
  const qemu = await qemuTree(say)
  const iso = process.env['SLIPWAY_E2E_ISO'] ?? (await maintenanceIso(EXECUTABLE, say))
  const [port = 0] = await freePorts(1)
  await using scope = new AsyncDisposableStack()
  const { running, machine } = scope.use(
    await ready({ script: 'not-booting' }, [
      `server.https=127.0.0.1:${port}`,
      `server.names=${HOST_AS_SEEN}`,
      `report.base_url=https://${HOST_AS_SEEN}:${port}`,
    ]),
  )
  const folder = await mkdtemp(join(tmpdir(), 'slipway-guest-'))
  scope.defer(() => rm(folder, { recursive: true, force: true }))
  const open = scope.move()
  const { serial } = machine
  return {
    ...{ running, folder },
    async launch(recipe) {
      const id = await post(running, serial, { recipe })
      await running.until(id, (job) => job.powered_on_at !== undefined)
      return { id, serial, taskIso: join(running.dataDir, 'task-isos', `${id}.iso`) }
    },
    boot: (job, wishes) =>
      Guest.start({ qemu, folder, serial: job.serial, media: [iso, job.taskIso], ...wishes }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  }
}
