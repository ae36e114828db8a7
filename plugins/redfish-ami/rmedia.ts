// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Drive } from '../../core/jobs/bmc.ts'
import type { ControllerActions, OemClient } from '../../core/jobs/oem.ts'
import { SECOND } from '../../core/units.ts'

const Link = v.object({ '@odata.id': v.string() })
const Action = v.object({ target: v.string() })
const Named = v.optional(v.record(v.string(), v.unknown()), {})

/** The manager, as far as its remote media are concerned. */
const Manager = v.object({
  VirtualMedia: v.optional(Link),
  Actions: v.optional(v.object({ Oem: Named }), { Oem: {} }),
})

/** Times that python-redfish-lenovo :140-190 waits for. */
const ENABLE_MS = 10 * SECOND
const CONFIGURE_MS = 180 * SECOND

/** Where remote media are switched on, and the drive that is there then. */
interface RemoteMedia {
  readonly drive: string
  readonly enable: string
  readonly configure: string | undefined
}

/**
 * Gigabyte H262 (AMI 12.84, captured) names the action `#VirtualMedia.EnableRMedia`, Lenovo SR655
 * `#AMIVirtualMedia.EnableRMedia`.
 */
function targetOf(actions: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const found = Object.entries(actions).find(([key]) => key.endsWith(`VirtualMedia.${name}`))
  const action = v.safeParse(Action, found?.[1])
  return action.success ? action.output.target : undefined
}

async function remoteMediaOf(oem: OemClient): Promise<RemoteMedia | undefined> {
  for (const uri of oem.managerUris) {
    const manager = v.safeParse(Manager, (await oem.get(uri)).body)
    if (!manager.success || !manager.output.VirtualMedia) continue
    const { Oem } = manager.output.Actions
    const enable = targetOf(Oem, 'EnableRMedia')
    if (enable === undefined) continue
    const drive = `${manager.output.VirtualMedia['@odata.id']}/CD1`
    return { drive, enable, configure: targetOf(Oem, 'ConfigureCDInstance') }
  }
  return undefined
}

const isThere = async (oem: OemClient, uri: string) => ((await oem.look(uri)).ok ? true : undefined)

/** Drives are listed only while remote media are on; the one that will be there counts as one. */
async function drives(oem: OemClient, listed: readonly Drive[]): Promise<readonly Drive[]> {
  if (listed.length > 0) return []
  const media = await remoteMediaOf(oem)
  if (!media) return []
  return [
    {
      ...{ uri: media.drive, id: 'CD1', owner: 'manager', mediaTypes: ['CD', 'DVD'] },
      schemes: ['http', 'https'],
      ...{ inserted: false, image: undefined, connectedVia: undefined },
    },
  ]
}

/** Switches remote media on where the drive is not there yet; one CD is enough for one image. */
async function switchOn(oem: OemClient, uri: string): Promise<void> {
  if (await isThere(oem, uri)) return
  const media = await remoteMediaOf(oem)
  if (!media) return
  oem.note('info', `The BMC ${oem.host} shows no drive: switching its remote media on.`)
  const enabled = await oem.post(media.enable, { RMediaState: 'Enable' })
  await oem.finish(enabled, 'insert', 'Switching remote media on')
  if (await oem.waitFor(ENABLE_MS, () => isThere(oem, uri))) return
  if (media.configure === undefined) return
  oem.note('info', `The BMC ${oem.host} still shows no drive: asking for one CD.`)
  const configured = await oem.post(media.configure, { CDInstance: 1 })
  await oem.finish(configured, 'insert', 'Configuring one CD drive')
  await oem.waitFor(CONFIGURE_MS, () => isThere(oem, uri))
}

/** Remote media of MegaRAC: switched on when an image is to go in, never by a mere look. */
export const remoteMedia: ControllerActions = {
  drives,
  async insert({ oem, drive, standard }) {
    await switchOn(oem, drive.uri)
    await standard()
  },
}
