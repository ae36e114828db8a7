// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from '../../core/jobs/bmc.ts'
import { dig, digText } from '../../core/jobs/dig.ts'
import type { ControllerActions, OemClient } from '../../core/jobs/oem.ts'

/** The one virtual CD, whose resource is there only while an image is mounted (VM1 → CD1). */
const CD = 'CD1'

interface Config {
  /** The collection, whose member CD1 is while an image is in. */
  readonly collection: string
  readonly uri: string
  readonly mount: string
  readonly unmount: string
}

/** The configuration of the ISO, which the collection links (badfish main.py:1490-1607). */
async function findConfig(oem: OemClient): Promise<Config | undefined> {
  for (const managerUri of oem.managerUris) {
    const collection = digText((await oem.get(managerUri)).body, 'VirtualMedia', '@odata.id')
    if (collection === undefined) continue
    const media = (await oem.look(collection)).body
    // What lists the standard's action is left to the standard.
    const cd = (await oem.look(`${collection}/${CD}`)).body
    if (dig(cd, 'Actions', '#VirtualMedia.InsertMedia') !== undefined) continue
    const uri = digText(media, 'Oem', 'Supermicro', 'VirtualMediaConfig', '@odata.id')
    const found = uri === undefined ? undefined : await oem.look(uri)
    const mount = digText(found?.body, 'Actions', '#IsoConfig.Mount', 'target')
    const unmount = digText(found?.body, 'Actions', '#IsoConfig.UnMount', 'target')
    if (uri && mount && unmount) return { collection, uri, mount, unmount }
  }
  return undefined
}

/** The CD as it is now; empty where its resource is missing. */
async function readCd(oem: OemClient, { collection }: Config): Promise<Drive> {
  const uri = `${collection}/${CD}`
  const { ok, body } = await oem.look(uri)
  const inserted = ok && dig(body, 'Inserted') !== false
  return {
    ...{ uri, id: CD, owner: 'manager', mediaTypes: ['CD', 'DVD'] },
    // It can not import a CA, so that https to our own certificate fails (suse-edge #220).
    schemes: ['http'],
    inserted,
    image: inserted ? digText(body, 'Image') || undefined : undefined,
    connectedVia: digText(body, 'ConnectedVia'),
  }
}

/** Image URL as the configuration wants it: server, and path on it. */
const placeOf = (imageUrl: string) => {
  const { origin, pathname } = new URL(imageUrl)
  return { Host: origin, Path: pathname, Username: '', Password: '' }
}

/** Mounts by the OEM configuration, where there is one; else the standard's action is there. */
export const isoConfig: ControllerActions = {
  async drives(oem) {
    const config = await findConfig(oem)
    return config ? [await readCd(oem, config)] : []
  },
  async insert({ oem, drive, imageUrl, standard }) {
    const config = await findConfig(oem)
    if (!config) return standard()
    const set = await oem.patch(config.uri, placeOf(imageUrl))
    await oem.finish(set, 'insert', `Naming the image of drive ${drive.id}`)
    await oem.finish(await oem.post(config.mount, {}), 'insert', `Mount into drive ${drive.id}`)
  },
  async eject({ oem, drive, standard }) {
    const config = await findConfig(oem)
    if (!config) return standard()
    await oem.finish(await oem.post(config.unmount, {}), 'eject', `Unmount of drive ${drive.id}`)
  },
}
