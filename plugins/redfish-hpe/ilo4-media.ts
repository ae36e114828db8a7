// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from '../../core/jobs/bmc.ts'
import { dig, digText } from '../../core/jobs/dig.ts'
import type { ControllerActions, OemClient } from '../../core/jobs/oem.ts'

/** iLO 4 before 2.x lists its own actions instead of the standard's (redfishdocs, HpiLOVirtualMedia). */
async function targetsAt(oem: OemClient, { uri }: Pick<Drive, 'uri'>) {
  const { body } = await oem.get(uri)
  const own = (name: string) =>
    digText(body, 'Oem', 'Hp', 'Actions', `#HpiLOVirtualMedia.${name}`, 'target')
  return {
    standard: dig(body, 'Actions', '#VirtualMedia.InsertMedia') !== undefined,
    insert: own('InsertVirtualMedia'),
    eject: own('EjectVirtualMedia'),
  }
}

/** A drive that lists the standard's action is left to the standard. */
export const ilo4Actions: ControllerActions = {
  async drives(oem, listed) {
    const own = listed.map(async (drive) => {
      const { standard, insert } = await targetsAt(oem, drive)
      return standard || insert === undefined ? [] : [drive]
    })
    return (await Promise.all(own)).flat()
  },
  async insert({ oem, drive, imageUrl, standard }) {
    const targets = await targetsAt(oem, drive)
    if (targets.standard || targets.insert === undefined) return standard()
    // Image alone: anything more is refused (community.general _redfish_utils.py:3103-3107).
    const answer = await oem.post(targets.insert, { Image: imageUrl })
    await oem.finish(answer, 'insert', `Insert into drive ${drive.id}`)
  },
  async eject({ oem, drive, standard }) {
    const targets = await targetsAt(oem, drive)
    if (targets.standard || targets.eject === undefined) return standard()
    const answer = await oem.post(targets.eject, {})
    await oem.finish(answer, 'eject', `Eject from drive ${drive.id}`)
  },
}
