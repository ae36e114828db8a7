// SPDX-License-Identifier: AGPL-3.0-or-later
import { SECOND } from '../units.ts'
import type { Drive } from './bmc.ts'
import { evidenceFaults } from './faults.ts'
import { type ImageOwner, imageHost } from './ownership.ts'
import type { JobRun } from './run.ts'

/** Some controllers forget Once when power on comes late: older than this it is set again. */
const OVERRIDE_FRESH_MS = 30 * SECOND

export interface LaunchParts {
  readonly now: () => number
  readonly ownerOf: (imageUrl: string) => Promise<ImageOwner>
  /** Written before the power step: from here on the machine may read and claim. */
  readonly powerOnBegun: () => Promise<void>
}

/** What stands in the drives, and whose it is. Throws `redfish.in-use` for another appliance's. */
async function occupied(run: JobRun, parts: LaunchParts, signal: AbortSignal) {
  const found: { readonly drive: Drive; readonly owner: ImageOwner }[] = []
  for (const drive of (await run.bmc.read(signal)).drives) {
    if (!drive.inserted && !drive.image) continue
    const owner = drive.image ? await parts.ownerOf(drive.image) : 'other'
    if (owner === 'another-appliance' && !run.job.takeOver) {
      throw evidenceFaults.inUse(
        `drive ${drive.id} of ${run.machine.bmc.url} holds an image of another appliance at ${imageHost(drive.image ?? '')}; end its job there, or send this one with take_over: true`,
      )
    }
    found.push({ drive, owner })
  }
  return found
}

async function clearTheWay(run: JobRun, parts: LaunchParts, signal: AbortSignal): Promise<void> {
  const planned = new Set(Object.values(run.plan.drives))
  for (const { drive, owner } of await occupied(run, parts, signal)) {
    if (owner === 'other' && !planned.has(drive.uri)) continue
    const answer = await run.bmc.ejectMedia(drive.uri, (url) => url === drive.image, signal)
    if (answer === 'stale') {
      run.note('warn', `drive ${drive.id} still shows an image after its eject; inserting over it`)
    }
  }
}

/**
 * Off, way cleared, images in, boot once, on: the one order for every controller. The second launch
 * leaves the machine on and restarts it, because some controllers lose media or Once when power changes.
 */
export async function launch(run: JobRun, parts: LaunchParts, again: boolean): Promise<void> {
  const { bmc, plan } = run
  // Before the power is touched: another appliance's machine may be writing its disk.
  await run.step('redfish.check-drives', (signal) => occupied(run, parts, signal))
  if (!again) await run.step('redfish.power-off', (signal) => bmc.powerOff(signal))
  await run.step('redfish.eject', (signal) => clearTheWay(run, parts, signal))
  for (const [slot, imageUrl] of run.imageUrls) {
    const drive = plan.drives[slot]
    if (drive === undefined) throw new Error(`the media plan has no drive for ${slot}`)
    await run.step(`redfish.insert.${slot}`, (signal) => bmc.insertMedia(drive, imageUrl, signal))
  }
  await run.step('redfish.boot-override', (signal) => bmc.overrideBootOnce(plan.bootTarget, signal))
  const overriddenAt = parts.now()
  await run.step('redfish.power-on', async (signal) => {
    if (parts.now() - overriddenAt > OVERRIDE_FRESH_MS) {
      await bmc.overrideBootOnce(plan.bootTarget, signal)
    }
    const isOn = again && (await bmc.read(signal)).power === 'On'
    await parts.powerOnBegun()
    await (isOn ? bmc.restart(signal) : bmc.powerOn(signal))
  })
}
