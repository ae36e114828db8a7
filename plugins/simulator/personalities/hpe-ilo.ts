// SPDX-License-Identifier: AGPL-3.0-or-later
import { hpe } from '../hpe.ts'
import type { Manners } from '../manners.ts'
import type { OemEndpoint } from '../oem.ts'
import type { Personality } from '../personality.ts'
import { Refusal } from '../refusal.ts'
import { type Resource, text } from '../wire.ts'
import { type WrittenDrive, writtenTree } from '../written.ts'

const MEDIA = '/redfish/v1/Managers/1/VirtualMedia'
const KINDS: readonly (readonly [string, readonly string[]])[] = [
  // "Slots 1 Floppy/USBStick, 2 CD/DVD; one each": redfish.md 1.2 (redfishdocs).
  ['1', ['Floppy', 'USBStick']],
  ['2', ['CD', 'DVD']],
]
const BOOT_TARGETS = ['None', 'Cd', 'Hdd', 'Usb', 'Utilities', 'Diags', 'BiosSetup', 'Pxe']
const RESET_TYPES = ['On', 'ForceOff', 'ForceRestart', 'Nmi', 'PushPowerButton']

/** "OEM `HpiLOVirtualMedia` or InsertMedia, **Image only**": redfish.md 1.0. Here: the OEM actions alone. */
const ilo4Drive = ([id, mediaTypes]: (typeof KINDS)[number]): WrittenDrive => {
  const target = (name: string) => ({
    target: `${MEDIA}/${id}/Actions/Oem/Hp/HpiLOVirtualMedia.${name}`,
  })
  const Actions = {
    '#HpiLOVirtualMedia.InsertVirtualMedia': target('InsertVirtualMedia'),
    '#HpiLOVirtualMedia.EjectVirtualMedia': target('EjectVirtualMedia'),
  }
  return { uri: `${MEDIA}/${id}`, id, mediaTypes, actions: [], more: { Oem: { Hp: { Actions } } } }
}

const endpointsOf = ({ uri }: WrittenDrive): readonly OemEndpoint[] => [
  {
    method: 'POST',
    path: `${uri}/Actions/Oem/Hp/HpiLOVirtualMedia.InsertVirtualMedia`,
    async handle(desk, body: Resource) {
      // "iLO4 rejects Inserted/WriteProtected": redfish.md 1.2 (c.g :3103-3107).
      const other = Object.keys(body).find((name) => name !== 'Image')
      if (other) throw new Refusal('parameterUnknown', ['InsertVirtualMedia', other])
      await desk.insert(desk.drive(uri), text(body, 'Image'))
      return desk.success(200)
    },
  },
  {
    method: 'POST',
    path: `${uri}/Actions/Oem/Hp/HpiLOVirtualMedia.EjectVirtualMedia`,
    handle(desk) {
      desk.eject(desk.drive(uri))
      return desk.success(200)
    },
  },
]

const ilo4Drives = KINDS.map(ilo4Drive)
const ilo4Manners: Manners = {
  ...hpe,
  title: 'HPE iLO 4',
  registry: 'Base.0.10',
  messageIds: {},
  // "Gen9/iLO4 has no BootSourceOverrideMode", "target must be given before enabled": redfish.md 1.2.
  targetBeforeEnabled: true,
  oem: ilo4Drives.flatMap(endpointsOf),
}

/** ProLiant DL380 Gen9, written: images go in by OEM actions, which take nothing but an image. */
export const hpeIlo4: Personality = {
  manners: ilo4Manners,
  resources: writtenTree({
    redfishVersion: '1.0.0',
    etags: 'weak',
    // "the OEM key Hp": HpiLOVirtualMedia stands below it.
    rootMore: { Oem: { Hp: {} } },
    system: {
      uri: '/redfish/v1/Systems/1',
      manufacturer: 'HPE',
      model: 'ProLiant DL380 Gen9',
      serial: 'SIM4CZ001',
      bootTargets: BOOT_TARGETS,
      resetTypes: RESET_TYPES,
    },
    manager: {
      uri: '/redfish/v1/Managers/1',
      model: 'iLO 4',
      firmware: 'iLO 4 v2.82',
      more: { Oem: { Hp: {} } },
    },
    media: [{ uri: MEDIA, owner: 'manager' }],
    drives: ilo4Drives,
  }),
}

/** ProLiant DL380 Gen11, written: the standard's actions, and a firmware that is too old. */
export const hpeIlo6: Personality = {
  manners: {
    ...hpe,
    title: 'HPE iLO 6',
    // "OEM BootOnNextServerReset …": not used. "iLO 6 needs ≥1.57": redfish.md 1.2 (metal3-docs).
    insertParameters: ['Image', 'Inserted', 'WriteProtected'],
  },
  resources: writtenTree({
    redfishVersion: '1.13.0',
    etags: 'weak',
    vendor: 'HPE',
    rootMore: { Oem: { Hpe: {} } },
    system: {
      uri: '/redfish/v1/Systems/1',
      manufacturer: 'HPE',
      model: 'ProLiant DL380 Gen11',
      serial: 'SIM6CZ001',
      bootTargets: BOOT_TARGETS,
      resetTypes: RESET_TYPES,
      more: { Oem: { Hpe: {} } },
    },
    manager: {
      uri: '/redfish/v1/Managers/1',
      model: 'iLO 6',
      firmware: 'iLO 6 v1.50',
      more: { Oem: { Hpe: {} } },
    },
    media: [{ uri: MEDIA, owner: 'manager' }],
    drives: KINDS.map(([id, mediaTypes]) => ({
      ...{ uri: `${MEDIA}/${id}`, id, mediaTypes },
      actions: ['InsertMedia', 'EjectMedia'],
    })),
  }),
}
