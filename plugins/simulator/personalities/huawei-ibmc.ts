// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from '../manners.ts'
import type { OemEndpoint } from '../oem.ts'
import type { Personality } from '../personality.ts'
import { Refusal } from '../refusal.ts'
import { text } from '../wire.ts'
import { type WrittenDrive, writtenTree } from '../written.ts'

const MANAGER = '/redfish/v1/Managers/1'
const MEDIA = `${MANAGER}/VirtualMedia`
const CD = `${MEDIA}/CD`
const CONTROL = `${CD}/Oem/Huawei/Actions/VirtualMedia.VmmControl`
const BOOT_TARGETS = ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup']

/** "VmmControl {VmmControlType: Connect/Disconnect, Image}; async task": redfish.md 1.6 (VirtualMedia.ps1:117). */
const vmmControl: OemEndpoint = {
  method: 'POST',
  path: CONTROL,
  handle(desk, body) {
    const drive = desk.drive(CD)
    const type = text(body, 'VmmControlType')
    if (type === 'Connect') {
      const image = text(body, 'Image')
      // "nfs, cifs, https only": VirtualMedia.ps1:184-192; "http:// refused FileTransferProtocolMismatch": redfish.md 2.
      if (/^http:/.test(image)) throw new Refusal('image', [image])
      if (drive.occupied || drive.busy) throw new Refusal('occupied')
      return desk.task('Vmm Connect', () => desk.insert(drive, image))
    }
    if (type !== 'Disconnect') throw new Refusal('parameterValue', ['VmmControl', 'VmmControlType'])
    return desk.task('Vmm Disconnect', async () => desk.eject(drive))
  },
}

const ibmc: Manners = {
  ...standard,
  title: 'Huawei iBMC',
  registry: 'Base.1.0',
  messageIds: {
    // "occupied slot iBMC.1.0.ConnectionOccupied", "FileTransferProtocolMismatch": redfish.md 2 (mammoth).
    occupied: { id: 'iBMC.1.0.ConnectionOccupied', status: 400 },
    image: { id: 'iBMC.1.0.FileTransferProtocolMismatch', status: 400 },
    // "GracefulRestart and PowerCycle refused with ActionParameterValueFormatError": redfish.md 2.
    parameterValue: { id: 'Base.1.0.ActionParameterValueFormatError' },
  },
  etags: 'weak',
  // "iBMC 3.31: PATCH without If-Match = 412": redfish.md 2 (ansible #60031).
  ifMatch: 'required',
  // "success takes 12-15 s": redfish.md 2.
  insertMs: 13_000,
  // "session body needs Oem.Huawei.Domain": redfish.md 2.
  loginNeeds: ['Oem', 'Huawei', 'Domain'],
  boots: { Cd: [/\/VirtualMedia\/CD$/] },
  oem: [vmmControl],
}

/** "CD and USBStick without standard actions": redfish.md 2. */
const plain = (id: string, mediaTypes: readonly string[]): WrittenDrive => ({
  ...{ uri: `${MEDIA}/${id}`, id, mediaTypes, actions: [] },
})
const Actions = { '#VirtualMedia.VmmControl': { target: CONTROL } }

const system = (manufacturer: string, model: string, serial: string) => ({
  ...{ uri: '/redfish/v1/Systems/1', manufacturer, model, serial, bootTargets: BOOT_TARGETS },
  // "GracefulRestart and PowerCycle refused; ForceRestart works": not listed here.
  resetTypes: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi'],
})

/** 2288H V5, iBMC 6.41, written: VmmControl by tasks, https alone, one drive that takes. */
export const huawei2288hV5: Personality = {
  manners: ibmc,
  resources: writtenTree({
    redfishVersion: '1.0.2',
    etags: 'weak',
    rootMore: { Oem: { Huawei: {} } },
    system: { ...system('Huawei', '2288H V5', 'SIM2102311'), more: { Oem: { Huawei: {} } } },
    manager: { uri: MANAGER, model: 'iBMC', firmware: '6.41' },
    media: [{ uri: MEDIA, owner: 'manager' }],
    drives: [
      { ...plain('CD', ['CD', 'DVD']), more: { Oem: { Huawei: { Actions } } } },
      plain('USBStick', ['USBStick']),
    ],
  }),
}

const infoOf = (uri: string) => `${uri}/InsertMediaActionInfo`
const standardDrive = (id: string, mediaTypes: readonly string[]): WrittenDrive => {
  const uri = `${MEDIA}/${id}`
  const target = (name: string) => `${uri}/Actions/VirtualMedia.${name}`
  return {
    ...{ uri, id, mediaTypes, actions: ['InsertMedia', 'EjectMedia'] },
    more: {
      Actions: {
        '#VirtualMedia.InsertMedia': {
          target: target('InsertMedia'),
          '@Redfish.ActionInfo': infoOf(uri),
        },
        '#VirtualMedia.EjectMedia': { target: target('EjectMedia') },
      },
    },
  }
}
const actionInfo = {
  '@odata.type': '#ActionInfo.v1_1_0.ActionInfo',
  ...{ Id: 'InsertMediaActionInfo', Name: 'Insert Media Action Info' },
  Parameters: [
    { Name: 'Image', Required: true, DataType: 'String' },
    {
      ...{ Name: 'TransferProtocolType', Required: true, DataType: 'String' },
      AllowableValues: ['HTTPS', 'NFS', 'CIFS'],
    },
    { Name: 'Inserted', Required: false, DataType: 'Boolean' },
    { Name: 'WriteProtected', Required: false, DataType: 'Boolean' },
  ],
}
const xfusionDrives = [
  standardDrive('CD', ['CD', 'DVD']),
  standardDrive('USBStick', ['USBStick']),
  standardDrive('iBMAUSBStick', ['USBStick']),
]

/** "xFusion 2288H V7 3.08", written: the standard's actions by tasks whose messages are one object. */
export const xfusion2288hV7: Personality = {
  manners: {
    ...standard,
    title: 'xFusion iBMC',
    registry: 'Base.1.0',
    etags: 'weak',
    ifMatch: 'required',
    // "InsertMedia 202 + Location .../Monitor, task Exception with Messages as ONE OBJECT": redfish.md 2.
    insertAnswer: 'task',
    taskMessages: 'object',
    // "reset 200 with Base.1.0.Success": redfish.md 2.
    resetAnswer: 200,
    imageUrl: /^https:\/\//,
    boots: { Cd: [/\/VirtualMedia\/CD$/] },
  },
  resources: writtenTree({
    redfishVersion: '1.15.0',
    etags: 'weak',
    vendor: 'xFusion',
    system: system('xFusion', '2288H V7', 'SIM2102412'),
    manager: { uri: MANAGER, model: 'iBMC', firmware: '3.08' },
    media: [{ uri: MEDIA, owner: 'manager' }],
    drives: xfusionDrives,
    others: Object.fromEntries(xfusionDrives.map(({ uri }) => [infoOf(uri), actionInfo])),
  }),
}
