// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from '../manners.ts'
import type { Personality } from '../personality.ts'
import { type WrittenDrive, writtenTree } from '../written.ts'

/** "targets None Pxe Floppy Cd Hdd BiosSetup Diags": redfish.md 2 (iserver dumps, CIMC 4.1-4.2). */
const BOOT_TARGETS = ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup', 'Diags']
/** "M4 has no GracefulRestart; PowerCycle present; no PushPowerButton": redfish.md 2. */
const RESET_TYPES = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'PowerCycle']

const cimc: Manners = {
  ...standard,
  title: 'Cisco CIMC',
  // "`Inserted`/`WriteProtected` allow only true, TransferMethod only Stream": redfish.md 2.
  insertOnly: { Inserted: true, WriteProtected: true, TransferMethod: 'Stream' },
}

const written = (parts: {
  readonly model: string
  readonly serial: string
  readonly manager: string
  readonly firmware: string
  readonly managerModel?: string
  readonly drives: readonly WrittenDrive[]
}) =>
  writtenTree({
    redfishVersion: '1.2.0',
    vendor: 'Cisco Systems Inc.',
    system: {
      // "system id is the serial number": redfish.md 2.
      uri: `/redfish/v1/Systems/${parts.serial}`,
      ...{ manufacturer: 'Cisco Systems Inc', model: parts.model, serial: parts.serial },
      ...{ bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES },
    },
    manager: {
      uri: `/redfish/v1/Managers/${parts.manager}`,
      ...{ model: parts.managerModel ?? 'CIMC', firmware: parts.firmware },
    },
    drives: parts.drives,
    media: [{ uri: `/redfish/v1/Managers/${parts.manager}/VirtualMedia`, owner: 'manager' }],
  })

const drive = (
  manager: string,
  id: string,
  mediaTypes: readonly string[],
  more: Pick<Partial<WrittenDrive>, 'actions' | 'more'> = {},
): WrittenDrive => ({
  uri: `/redfish/v1/Managers/${manager}/VirtualMedia/${id}`,
  ...{ id, mediaTypes, actions: ['InsertMedia', 'EjectMedia'], ...more },
})

/** "only DVD type; KVM-only slots answer 400 → next slot": redfish.md 1.6 (ironic note, bug 2031595). */
export const ciscoUcsx: Personality = {
  manners: {
    ...cimc,
    title: 'Cisco UCS X',
    kvmDrives: /\/VirtualMedia\/0$/,
    boots: { Cd: [/\/VirtualMedia\/[12]$/] },
  },
  resources: written({
    ...{ model: 'UCSX-210C-M6', serial: 'UCSX1', manager: 'CIMC', firmware: '5.2(2)' },
    drives: ['0', '1', '2'].map((id) => drive('CIMC', id, ['DVD'])),
  }),
}

/** "No InsertMedia or 405 → next slot": redfish.md 1.6 (ironic note cisco-c845a-vmedia-fix). */
export const ciscoC845a: Personality = {
  manners: {
    ...cimc,
    title: 'Cisco C845A M8, OpenBMC',
    insertOnly: {},
    messageIds: { kvmOnly: { status: 405 } },
    kvmDrives: /\/VirtualMedia\/Slot_1$/,
    boots: { Cd: [/\/VirtualMedia\/Slot_2$/] },
  },
  resources: written({
    ...{ model: 'UCSC-845A-M8', serial: 'C845A1', manager: 'bmc', firmware: '1.0' },
    managerModel: 'OpenBmc',
    drives: [
      drive('bmc', 'Slot_0', ['CD', 'USBStick'], { actions: [] }),
      drive('bmc', 'Slot_1', ['CD', 'USBStick']),
      drive('bmc', 'Slot_2', ['CD', 'USBStick']),
    ],
  }),
}

const C240 = '/redfish/v1/Managers/CIMC/VirtualMedia'
/** "lists `Image@Redfish.AllowableValues` as an English sentence": redfish.md 2 (iserver dumps). */
const sentences = (id: string) => ({
  Actions: {
    '#VirtualMedia.InsertMedia': {
      target: `${C240}/${id}/Actions/VirtualMedia.InsertMedia`,
      'Image@Redfish.AllowableValues': 'The path of the image on a remote server, with its name',
      'Inserted@Redfish.AllowableValues': ['true'],
      'WriteProtected@Redfish.AllowableValues': ['true'],
      'TransferMethod@Redfish.AllowableValues': ['Stream'],
      'TransferProtocolType@Redfish.AllowableValues': ['CIFS', 'HTTP', 'HTTPS', 'NFS'],
    },
    '#VirtualMedia.EjectMedia': { target: `${C240}/${id}/Actions/VirtualMedia.EjectMedia` },
  },
})

/** "`Managers/CIMC/VirtualMedia/0` = CD/DVD, `/1` = Floppy/USB": redfish.md 2 (iserver dumps). */
export const ciscoC240: Personality = {
  manners: { ...cimc, title: 'Cisco C240 M5, CIMC 4.2', boots: { Cd: [/\/VirtualMedia\/0$/] } },
  resources: written({
    ...{ model: 'UCSC-C240-M5SX', serial: 'C240M5', manager: 'CIMC', firmware: '4.2(1a)' },
    drives: [
      drive('CIMC', '0', ['CD', 'DVD'], { more: sentences('0') }),
      drive('CIMC', '1', ['Floppy', 'USBStick'], { more: sentences('1') }),
    ],
  }),
}
