// SPDX-License-Identifier: AGPL-3.0-or-later
import { dell } from '../dell.ts'
import type { Manners } from '../manners.ts'
import type { OemEndpoint } from '../oem.ts'
import type { Personality } from '../personality.ts'
import { Refusal } from '../refusal.ts'
import { part, type Resource, text, texts } from '../wire.ts'
import { type WrittenController, writtenTree } from '../written.ts'

const SYSTEM = '/redfish/v1/Systems/System.Embedded.1'
const MANAGER = '/redfish/v1/Managers/iDRAC.Embedded.1'
const MEDIA = `${MANAGER}/VirtualMedia`
const IMPORT = `${MANAGER}/Actions/Oem/EID_674_Manager.ImportSystemConfiguration`
const ATTRIBUTES = `${MANAGER}/Oem/Dell/DellAttributes/iDRAC.Embedded.1`
const BOOT_TARGETS = ['None', 'Pxe', 'Floppy', 'Cd', 'Hdd', 'BiosSetup', 'Utilities', 'UefiTarget']
const RESET_TYPES = ['On', 'ForceOff', 'ForceRestart', 'GracefulShutdown', 'PushPowerButton', 'Nmi']

/** Device names of a boot order of its own → what the simulated firmware knows. */
const DEVICE = /<Attribute Name="ServerBoot\.1#FirstBootDevice">([^<]*)</

/** "ImportSystemConfiguration with ServerBoot.1#BootOnce, FirstBootDevice=VCD-DVD": redfish.md 1.1. */
const importConfiguration: OemEndpoint = {
  method: 'POST',
  path: IMPORT,
  handle(desk, body: Resource) {
    const buffer = text(body, 'ImportBuffer')
    // "Target must be a list", "XML must have no insignificant whitespace": redfish.md 1.1 (sushy manager.py:90-115).
    if (!texts(part(body, 'ShareParameters'), 'Target')) {
      throw new Refusal('parameterType', ['ImportSystemConfiguration', 'Target'])
    }
    const device = DEVICE.exec(buffer)?.[1]
    if (device === undefined || />\s+</.test(buffer)) {
      throw new Refusal('parameterValue', ['ImportSystemConfiguration', 'ImportBuffer'])
    }
    return desk.task('Import Configuration', async () =>
      desk.bootNext(device === 'VCD-DVD' ? device : undefined),
    )
  },
}

/** Both generations without a working override Cd; captured action of sushy-oem-idrac manager.json (3.34.34.34). */
const importAction = {
  Actions: {
    Oem: { 'OemManager.v1_0_0#OemManager.ImportSystemConfiguration': { target: IMPORT } },
  },
}

const byConfiguration: Manners = {
  ...dell,
  // "media under Manager, CD and RemovableDisk, only one attached at a time": redfish.md 1.1.
  oneImageAmong: /^\/redfish\/v1\/Managers\//,
  // "on iDRAC 8 Cd boots the physical drive, virtual needs an attribute": redfish.md 2 (#90).
  boots: { 'VCD-DVD': [/\/VirtualMedia\/CD$/] },
  // "InsertMedia (204)": redfish.md 1.0.
  insertAnswer: 204,
  insertParameters: ['Image', 'Inserted', 'WriteProtected', 'UserName', 'Password'],
  oem: [importConfiguration],
}

const managerDrives: WrittenController['drives'] = [
  {
    ...{ uri: `${MEDIA}/CD`, id: 'CD', mediaTypes: ['CD', 'DVD'] },
    actions: ['InsertMedia', 'EjectMedia'],
  },
  {
    ...{ uri: `${MEDIA}/RemovableDisk`, id: 'RemovableDisk', mediaTypes: ['USBStick'] },
    actions: ['InsertMedia', 'EjectMedia'],
  },
]

/** "SerialNumber = board serial, SKU = service tag": redfish.md 1.1 (ironic 2146585). */
const system = (model: string, tag: string) => ({
  ...{ uri: SYSTEM, manufacturer: 'Dell Inc.', model, serial: `CN0${tag}BOARD` },
  ...{ bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES, more: { SKU: tag } },
})

const common = {
  product: 'Integrated Dell Remote Access Controller',
  rootMore: { Oem: { Dell: {} } },
}

/** PowerEdge R730, written: one image, and a boot only by configuration. */
export const dellIdrac8: Personality = {
  manners: { ...byConfiguration, title: 'Dell iDRAC8' },
  resources: writtenTree({
    ...common,
    redfishVersion: '1.4.0',
    system: system('PowerEdge R730', 'SIM8TAG'),
    // "iDRAC7/8 (≥2.75.75.75 / 3.30)": redfish.md 1.0.
    manager: {
      ...{ uri: MANAGER, model: '13G Monolithic', firmware: '2.83.83.83' },
      more: importAction,
    },
    media: [{ uri: MEDIA, owner: 'manager' }],
    drives: managerDrives,
  }),
}

/** PowerEdge R740, written: an iDRAC 9 before 4.40.10, whose attributes show the boot device. */
export const dellIdrac9Old: Personality = {
  manners: {
    ...byConfiguration,
    title: 'Dell iDRAC9 before 4.40.10',
    // Captured R750: Attributes of that name, Normal when nothing is set.
    shows: {
      [ATTRIBUTES]: ({ bootNext }) => ({
        Attributes: {
          'ServerBoot.1.BootOnce': 'Enabled',
          'ServerBoot.1.FirstBootDevice': bootNext ?? 'Normal',
          'Lockdown.1.SystemLockdown': 'Disabled',
        },
      }),
    },
  },
  resources: writtenTree({
    ...common,
    redfishVersion: '1.8.0',
    system: system('PowerEdge R740', 'SIM9TAG'),
    manager: {
      ...{ uri: MANAGER, model: '14G Monolithic', firmware: '4.10.10.10' },
      more: {
        ...importAction,
        Links: { Oem: { Dell: { DellAttributes: [{ '@odata.id': ATTRIBUTES }] } } },
      },
    },
    media: [{ uri: MEDIA, owner: 'manager' }],
    drives: managerDrives,
    others: {
      [ATTRIBUTES]: {
        // As the R750's capture has it.
        '@odata.type': '#DellAttributes.v1_0_0.DellAttributes',
        ...{ Id: 'iDRACAttributes', Name: 'OEMAttributeRegistry', Attributes: {} },
      },
    },
  }),
}

/** PowerEdge R770, written: media under the system alone, Boot in its settings, a passing 409. */
export const dellIdrac10: Personality = {
  manners: {
    ...dell,
    title: 'Dell iDRAC10',
    oneImageAmong: undefined,
    // "PATCH of Boot on the System is refused; …/Settings, and AllowableValues are there; send ETag": redfish.md 1.1.
    bootAt: `${SYSTEM}/Settings`,
    etags: 'strong',
    ifMatch: 'required',
    // "iDRAC10 power On can return 409 ActionParameterValueConflict transiently": redfish.md 1.1 (ironic 2162995).
    onConflicts: 1,
    // "1 only": redfish.md 1.0 (ironic drac/boot.py, Launchpad 2125571).
    boots: { Cd: [/\/Systems\/[^/]+\/VirtualMedia\/1$/] },
  },
  resources: writtenTree({
    ...common,
    redfishVersion: '1.20.0',
    etags: 'strong',
    vendor: 'Dell',
    system: {
      ...system('PowerEdge R770', 'SIM10TAG'),
      more: {
        SKU: 'SIM10TAG',
        '@Redfish.Settings': { SettingsObject: { '@odata.id': `${SYSTEM}/Settings` } },
        // "AllowableValues are there", not here.
        Boot: {
          BootSourceOverrideEnabled: 'Disabled',
          BootSourceOverrideMode: 'UEFI',
          BootSourceOverrideTarget: 'None',
        },
      },
    },
    manager: { uri: MANAGER, model: '17G Monolithic', firmware: '1.20.50.50' },
    media: [{ uri: `${SYSTEM}/VirtualMedia`, owner: 'system' }],
    drives: ['2', '1'].map((id) => ({
      ...{ uri: `${SYSTEM}/VirtualMedia/${id}`, id, mediaTypes: ['CD', 'DVD', 'USBStick'] },
      actions: ['InsertMedia', 'EjectMedia'],
    })),
    others: {
      [`${SYSTEM}/Settings`]: {
        '@odata.type': '#ComputerSystem.v1_20_0.Settings',
        Id: 'Settings',
        Boot: {
          BootSourceOverrideEnabled: 'Disabled',
          BootSourceOverrideMode: 'UEFI',
          BootSourceOverrideTarget: 'None',
          'BootSourceOverrideTarget@Redfish.AllowableValues': BOOT_TARGETS,
        },
      },
    },
  }),
}
