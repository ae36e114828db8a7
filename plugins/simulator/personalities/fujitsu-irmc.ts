// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from '../manners.ts'
import type { OemEndpoint, OemSight } from '../oem.ts'
import type { Personality } from '../personality.ts'
import { Refusal } from '../refusal.ts'
import { isResource, part, type Resource, text } from '../wire.ts'
import { writtenTree } from '../written.ts'

const SYSTEM = '/redfish/v1/Systems/0'
const MEDIA = `${SYSTEM}/Oem/ts_fujitsu/VirtualMedia`
const ACTION = `${SYSTEM}/Actions/Oem/FTSComputerSystem.VirtualMedia`
const PARAMETER = 'FTSVirtualMediaAction'

/** Image, its order, and the drive behind it. */
const KINDS = [
  { image: 'CDImage', order: 'CD', mediaTypes: ['CD', 'DVD'] },
  { image: 'HDImage', order: 'HD', mediaTypes: ['USBStick'] },
].map((kind) => ({ ...kind, uri: `${MEDIA}/${kind.image}` }))

/** "after reading AllowableValues": redfish.md 1.6; an order is listed when it makes sense just now. */
const ordersOf = ({ drives }: OemSight) =>
  KINDS.map(({ uri, order }) => {
    const occupied = drives.some((drive) => drive.uri === uri && drive.occupied)
    return `${occupied ? 'Disconnect' : 'Connect'}${order}`
  })

const actionsOf = (sight: OemSight, reset: Resource): Resource => ({
  ...reset,
  Oem: {
    '#FTSComputerSystem.VirtualMedia': {
      target: ACTION,
      [`${PARAMETER}@Redfish.AllowableValues`]: ordersOf(sight),
    },
  },
})

/** "PATCH {CDImage:{ServerName,ImageName/Path,ShareType,…}, RemoteMountEnabled}": redfish.md 1.6 (irmc_setvm.py:142-195). */
const configure: OemEndpoint = {
  method: 'PATCH',
  path: MEDIA,
  handle(desk, body) {
    const before = desk.present(MEDIA)
    for (const [name, value] of Object.entries(body)) {
      if (!Object.hasOwn(before, name)) throw new Refusal('propertyUnknown', [name])
      const merged = isResource(value) ? { ...part(before, name), ...value } : value
      desk.amend(MEDIA, { [name]: merged })
    }
    return desk.success(200)
  },
}

const urlOf = (config: Resource) => {
  const path = [text(config, 'ShareName'), text(config, 'ImageName')].filter(Boolean).join('/')
  return `${text(config, 'ShareType').toLowerCase()}://${text(config, 'ServerName')}/${path}`
}

/** "POST FTSComputerSystem.VirtualMedia {FTSVirtualMediaAction: ConnectCD/DisconnectCD/ConnectHD}": redfish.md 1.6. */
const connect: OemEndpoint = {
  method: 'POST',
  path: ACTION,
  async handle(desk, body) {
    const [, verb, name] = /^(Connect|Disconnect)(CD|HD)$/.exec(text(body, PARAMETER)) ?? []
    const kind = KINDS.find(({ order }) => order === name)
    if (!kind) throw new Refusal('parameterValue', [ACTION, PARAMETER])
    const drive = desk.drive(kind.uri)
    const media = desk.present(MEDIA)
    const config = part(media, kind.image)
    const ready = media['RemoteMountEnabled'] === true && Number(config['MaximumNumberOfDevices'])
    // "grow MaximumNumberOfDevices; then POST": redfish.md 1.6.
    if (verb === 'Connect' && !ready) throw new Refusal('wrongState', [`${verb}${name}`])
    if (verb === 'Connect') await desk.insert(drive, urlOf(config))
    else desk.eject(drive)
    return desk.success(204)
  },
}

const reset = {
  '#ComputerSystem.Reset': {
    target: `${SYSTEM}/Actions/ComputerSystem.Reset`,
    'ResetType@Redfish.AllowableValues': ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart'],
  },
}

const irmc: Manners = {
  ...standard,
  title: 'Fujitsu iRMC S5',
  etags: 'strong',
  // "iRMC PATCH Boot needs If-Match": redfish.md 1.6.
  ifMatch: 'required',
  hiddenDrives: KINDS.map(({ uri, image, mediaTypes }) => ({ uri, id: image, mediaTypes })),
  boots: { Cd: [/\/CDImage$/] },
  oem: [configure, connect],
  shows: { [SYSTEM]: (sight) => ({ Actions: actionsOf(sight, reset) }) },
}

const image = (devices: number) => ({
  ...{ ServerName: '', ShareName: '', ImageName: '', UserName: '', ShareType: 'NFS' },
  // The matrix of redfish.md 1.0 has these slots among those that take an HTTP(S) image.
  'ShareType@Redfish.AllowableValues': ['NFS', 'SMB', 'HTTP', 'HTTPS'],
  MaximumNumberOfDevices: devices,
})

/** PRIMERGY RX2540 M5, iRMC S5, written: media at an OEM path of the system, nothing by the standard. */
export const fujitsuIrmcS5: Personality = {
  manners: irmc,
  resources: writtenTree({
    redfishVersion: '1.5.0',
    etags: 'strong',
    rootMore: { Oem: { ts_fujitsu: {} } },
    system: {
      uri: SYSTEM,
      manufacturer: 'FUJITSU',
      model: 'PRIMERGY RX2540 M5',
      serial: 'SIMYLVS001',
      bootTargets: ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup'],
      resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart'],
      more: { Oem: { ts_fujitsu: {} } },
    },
    manager: { uri: '/redfish/v1/Managers/iRMC', model: 'iRMC S5', firmware: '3.42P' },
    media: [],
    drives: [],
    others: {
      [MEDIA]: {
        '@odata.type': '#FTSVirtualMedia.v1_0_0.FTSVirtualMedia',
        ...{ Id: 'VirtualMedia', RemoteMountEnabled: false },
        ...{ CDImage: image(0), HDImage: image(1) },
      },
    },
  }),
}
