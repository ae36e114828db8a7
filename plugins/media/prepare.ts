// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Addresses } from '../../core/addresses.ts'
import type { MediaSlot } from '../../core/jobs/bmc.ts'
import type { JobRun } from '../../core/jobs/run.ts'
import { patchPath } from '../../core/jobs/task-iso-file.ts'
import type { MediaImage } from '../../core/media.ts'
import { composeIso } from '../iso/index.ts'
import { mediaFaults } from './faults.ts'
import type { MaintenanceStore } from './maintenance-store.ts'

/** No firmware publishes its limit; some keep the URL in a field of this size. */
const LONGEST_URL = 127

export interface PrepareParts {
  readonly store: MaintenanceStore
  /** Resolves when a configured ISO is there, or was tried. */
  readonly configured: () => Promise<void>
  /** '' : our address towards the controller. */
  readonly baseUrl: string
  readonly addresses: Addresses
}

/** A host as a URL wants it. A zone (`%eth0`) means nothing to the controller. */
function urlHost(address: string): string {
  const bare = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/, '')
  return bare.includes(':') ? `[${bare}]` : bare
}

/** Where the controller finds our media: the machine's own word, the site's, or the way it reached us. */
function baseUrlOf(run: JobRun, { baseUrl, addresses }: PrepareParts): string {
  const given = run.machine.mediaBaseUrl ?? (baseUrl || undefined)
  if (given !== undefined) return given.replace(/\/+$/, '')
  const { scheme } = run.plan
  const port = addresses.fieldPort(scheme)
  if (port === undefined) {
    throw mediaFaults.listenerOff(
      `the controller fetches images over ${scheme}, but server.bmc_${scheme} is off: switch it on, or set media.base_url`,
    )
  }
  return `${scheme}://${urlHost(run.bmc.localAddress)}:${port}`
}

const nameOf = (slot: MediaSlot, run: JobRun) => {
  if (slot === 'boot') return 'boot.iso'
  // The drive for USB sticks takes no name that says CD.
  return run.plan.name === 'cd-usb' ? 'task.img' : 'task.iso'
}

/** What boots: an installer of the workflow's, or the maintenance ISO, kept until the job is over. */
async function bootImageOf(run: JobRun, { store, configured }: PrepareParts): Promise<MediaImage> {
  if (run.workflow.bootImage) return await run.workflow.bootImage(run)
  await configured()
  const image = await store.hold(run.job.id)
  const other = image && (await store.otherBuild())
  if (other !== undefined) run.note('warn', other)
  if (image) return image
  throw mediaFaults.noMaintenanceIso(
    'there is no maintenance ISO to boot from: import one with slipway maintenance import FILE',
  )
}

/** Fills `run.media` for the boot slot, and `run.imageUrls` for every slot of the plan. */
export async function prepareMedia(run: JobRun, parts: PrepareParts): Promise<void> {
  run.media.set('boot', await bootImageOf(run, parts))
  const base = `${baseUrlOf(run, parts)}/media/t/${run.mediaToken}`
  if (!base.startsWith(`${run.plan.scheme}:`)) {
    run.note(
      'warn',
      `the controller is known to fetch over ${run.plan.scheme}, but the base URL is another`,
    )
  }
  for (const slot of ['boot', 'task'] as const) {
    if (run.plan.drives[slot] === undefined) continue
    const imageUrl = `${base}/${nameOf(slot, run)}`
    run.imageUrls.set(slot, imageUrl)
    if (imageUrl.length <= LONGEST_URL) continue
    run.note(
      'warn',
      `the URL of the ${slot} image has ${imageUrl.length} characters, and some controllers take no more than ${LONGEST_URL}: choose a shorter base URL`,
    )
  }
}

/** One drive for both: the image that boots carries the task as well. An installer of the workflow's needs none. */
export async function composeBoot(run: JobRun): Promise<void> {
  const [base, task] = [run.media.get('boot'), run.media.get('task')]
  if (run.plan.name !== 'one' || run.workflow.bootImage || !base || !task) return
  await run.step('iso.compose', async () => {
    run.media.set('boot', await composeIso({ base, task, patchPath: patchPath(run.taskIsoPath) }))
  })
}
