// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Drive } from '../../core/jobs/bmc.ts'
import { dig, digText, digTexts } from '../../core/jobs/dig.ts'
import type { ControllerActions, OemClient } from '../../core/jobs/oem.ts'

/** The two kinds of image, how they look to the machine, and the words of their orders (irmc_connectvm.py:131-165). */
const KINDS = [
  { image: 'CDImage', order: 'CD', mediaTypes: ['CD', 'DVD'] },
  { image: 'HDImage', order: 'HD', mediaTypes: ['USBStick'] },
] as const
type Kind = (typeof KINDS)[number]

/** Its name on S4, and since S5 (irmc_connectvm.py). */
const PARAMETERS = ['FTSVirtualMediaAction', 'VirtualMediaAction']

const mediaUri = ({ systemUri }: OemClient) =>
  `${systemUri.replace(/\/$/, '')}/Oem/ts_fujitsu/VirtualMedia`

/** The action of the system, the name of its parameter, and what it takes just now. */
async function readAction(oem: OemClient) {
  const system = (await oem.get(oem.systemUri)).body
  const action = dig(system, 'Actions', 'Oem', '#FTSComputerSystem.VirtualMedia')
  const target = digText(action, 'target')
  if (target === undefined) return undefined
  const allowed = (name: string) => digTexts(action, `${name}@Redfish.AllowableValues`)
  const parameter = PARAMETERS.find((name) => allowed(name).length > 0) ?? 'FTSVirtualMediaAction'
  return { target, parameter, orders: allowed(parameter) }
}

/** Where an image is, as its configuration tells it. */
function urlOf(config: unknown): string | undefined {
  const [server, share, name] = ['ServerName', 'ShareName', 'ImageName'].map((key) =>
    digText(config, key),
  )
  const scheme = digText(config, 'ShareType')?.toLowerCase()
  if (!server || !name) return undefined
  const path = [share, name].filter(Boolean).join('/').replace(/^\/+/, '')
  return `${scheme ?? 'http'}://${server}/${path}`
}

/** An image that can be disconnected is connected. */
function driveOf(uri: string, kind: Kind, config: unknown, orders: readonly string[]): Drive {
  const inserted = orders.includes(`Disconnect${kind.order}`)
  const shares = digTexts(config, 'ShareType@Redfish.AllowableValues').map((one) =>
    one.toLowerCase(),
  )
  const schemes = (['http', 'https'] as const).filter(
    (scheme) => shares.length === 0 || shares.includes(scheme),
  )
  return {
    ...{ uri: `${uri}/${kind.image}`, id: kind.image, owner: 'system' },
    ...{ mediaTypes: kind.mediaTypes, schemes, inserted },
    image: inserted ? urlOf(config) : undefined,
    connectedVia: undefined,
  }
}

const kindOf = ({ id }: Drive) => KINDS.find(({ image }) => image === id)

/** Names the image; the first drive of a kind must be there before (irmc_setvm.py:142-195). */
async function configure(oem: OemClient, { image }: Kind, imageUrl: string): Promise<void> {
  const uri = mediaUri(oem)
  const config = dig((await oem.get(uri)).body, image)
  if (dig(config, 'MaximumNumberOfDevices') === 0) {
    const grown = await oem.patch(uri, { [image]: { MaximumNumberOfDevices: 1 } })
    await oem.finish(grown, 'insert', `Adding a drive for ${image}`)
  }
  const { protocol, host, pathname } = new URL(imageUrl)
  const parts = pathname.split('/').filter(Boolean)
  const place = {
    ShareType: protocol === 'https:' ? 'HTTPS' : 'HTTP',
    ServerName: host,
    ShareName: parts.slice(0, -1).join('/'),
    ImageName: parts.at(-1) ?? '',
  }
  const set = await oem.patch(uri, { [image]: place, RemoteMountEnabled: true })
  await oem.finish(set, 'insert', `Naming the image of ${image}`)
}

/** Sends an order where the controller takes it just now. */
async function order(oem: OemClient, name: string, deed: 'insert' | 'eject'): Promise<void> {
  const action = await readAction(oem)
  if (!action) return
  const answer = await oem.post(action.target, { [action.parameter]: name })
  await oem.finish(answer, deed, name)
}

/** Images at the OEM path, where the standard's drives are not listed. */
export const irmcMedia: ControllerActions = {
  async drives(oem, listed) {
    // Newer firmware has Managers/iRMC/VirtualMedia by the standard (terraform-provider-irmc-redfish).
    if (listed.length > 0) return []
    const uri = mediaUri(oem)
    const [media, action] = [await oem.look(uri), await readAction(oem)]
    if (!media.ok || !action) return []
    return KINDS.flatMap((kind) => {
      const config = dig(media.body, kind.image)
      return config === undefined ? [] : [driveOf(uri, kind, config, action.orders)]
    })
  },
  async insert({ oem, drive, imageUrl, standard }) {
    const kind = kindOf(drive)
    if (!kind) return standard()
    await configure(oem, kind, imageUrl)
    await order(oem, `Connect${kind.order}`, 'insert')
  },
  async eject({ oem, drive, standard }) {
    const kind = kindOf(drive)
    if (!kind) return standard()
    await order(oem, `Disconnect${kind.order}`, 'eject')
  },
}
