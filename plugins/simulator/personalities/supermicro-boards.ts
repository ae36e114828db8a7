// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Manners } from '../manners.ts'
import type { OemEndpoint } from '../oem.ts'
import type { Personality } from '../personality.ts'
import { Refusal } from '../refusal.ts'
import { supermicro } from '../supermicro.ts'
import { type Resource, text } from '../wire.ts'
import { type WrittenController, writtenTree } from '../written.ts'

const MANAGER = '/redfish/v1/Managers/1'
const SYSTEM = '/redfish/v1/Systems/1'
const VM1 = `${MANAGER}/VM1`
const CD1 = `${VM1}/CD1`
const CONFIG = `${VM1}/CfgCD`
/** As bmclib smc_1.14.0_systems_1 and systems_1 have them. */
const BOOT_TARGETS = ['None', 'Pxe', 'Floppy', 'Cd', 'Usb', 'Hdd', 'BiosSetup', 'UsbCd']
const RESET_TYPES = ['On', 'ForceOff', 'GracefulShutdown', 'GracefulRestart', 'ForceRestart', 'Nmi']

const board = (model: string, serial: string) => ({
  ...{ uri: SYSTEM, manufacturer: 'Supermicro', model, serial },
  ...{ bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES },
})

const old: Manners = {
  ...supermicro,
  etags: 'none',
  ifMatch: 'ignored',
  // "one directory deep †" is not simulated: one report only (jetlag #68).
  insertAnswer: 200,
  // "X11/X12 reject Inserted/WriteProtected: send Image only": redfish.md 1.3 (sushy note fix-insert-media-payload).
  insertParameters: ['Image'],
  // "Boot target is UsbCd; both appear in AllowableValues": redfish.md 1.3.
  boots: { UsbCd: [/\/VM1\/CD1$/] },
}

/** "PATCH VirtualMediaConfig {Host, Path, Username, Password}, then IsoConfig.Mount / UnMount": redfish.md 1.3. */
const isoConfig: readonly OemEndpoint[] = [
  {
    method: 'PATCH',
    path: CONFIG,
    handle(desk, body: Resource) {
      const known = ['Host', 'Path', 'Username', 'Password']
      const other = Object.keys(body).find((name) => !known.includes(name))
      if (other) throw new Refusal('propertyUnknown', [other])
      desk.amend(CONFIG, body)
      return desk.success(200)
    },
  },
  {
    method: 'POST',
    path: `${CONFIG}/Actions/IsoConfig.Mount`,
    async handle(desk) {
      const config = desk.present(CONFIG)
      await desk.insert(desk.drive(CD1), `${text(config, 'Host')}${text(config, 'Path')}`)
      return desk.success(200)
    },
  },
  {
    method: 'POST',
    path: `${CONFIG}/Actions/IsoConfig.UnMount`,
    handle(desk) {
      desk.eject(desk.drive(CD1))
      return desk.success(200)
    },
  },
]

const target = (name: string) => ({ target: `${CONFIG}/Actions/IsoConfig.${name}` })
const cd1: WrittenController['drives'][number] = {
  ...{ uri: CD1, id: 'CD1', mediaTypes: ['CD', 'DVD'], actions: [] },
}

/** X11 board, written: no InsertMedia; the ISO is configured and mounted, and CD1 is there while it is. */
export const supermicroX11: Personality = {
  manners: { ...old, title: 'Supermicro X11', oem: isoConfig, drivesHiddenWhileEmpty: true },
  resources: writtenTree({
    redfishVersion: '1.8.0',
    system: board('X11SDV-4C-TLN2F', 'SIMX11001'),
    manager: { uri: MANAGER, model: 'ASPEED', firmware: '01.73.12' },
    // "VM1 (→ CD1) + OEM config CfgCD": redfish.md 1.0.
    media: [
      {
        ...{ uri: VM1, owner: 'manager' },
        more: { Oem: { Supermicro: { VirtualMediaConfig: { '@odata.id': CONFIG } } } },
      },
    ],
    drives: [cd1],
    others: {
      [CONFIG]: {
        '@odata.type': '#IsoConfig.v1_0_0.IsoConfig',
        ...{ Id: 'CfgCD', Host: '', Path: '', Username: '', Password: null },
        Actions: { '#IsoConfig.Mount': target('Mount'), '#IsoConfig.UnMount': target('UnMount') },
      },
    },
  }),
}

/** X12 board, written: InsertMedia that takes an image and nothing else. */
export const supermicroX12: Personality = {
  manners: { ...old, title: 'Supermicro X12', imageStaysAfterEject: true },
  resources: writtenTree({
    redfishVersion: '1.9.0',
    system: board('X12STW-TF', 'SIMX12001'),
    // As bmclib managers_1.
    manager: { uri: MANAGER, model: 'ASPEED', firmware: '01.13.04' },
    media: [{ uri: VM1, owner: 'manager' }],
    drives: [{ ...cd1, actions: ['InsertMedia', 'EjectMedia'] }],
  }),
}

const BMC_0 = '/redfish/v1/Managers/BMC_0'
const openBmcMedia = `${BMC_0}/VirtualMedia`

/** "OpenBMC-based boards: Managers/BMC_0/VirtualMedia/{USB1,USB2,Slot_0}", "Slot_0 has none": redfish.md 1.0, 1.3. */
export const supermicroOpenBmc: Personality = {
  manners: {
    ...supermicro,
    title: 'Supermicro OpenBMC',
    etags: 'strong',
    ifMatch: 'ignored',
    insertAnswer: 204,
    resetAnswer: 204,
    imageStaysAfterEject: false,
    // Which drive and target boot is "test" in redfish.md 1.0: simulated as on the X13 boards.
    boots: { UsbCd: [/\/VirtualMedia\/USB1$/], Cd: [/\/VirtualMedia\/USB1$/] },
  },
  resources: writtenTree({
    redfishVersion: '1.17.0',
    etags: 'strong',
    system: {
      ...board('ARS-221GL-NR', 'SIMOBMC01'),
      // Upstream bmcweb lists Cd and Usb: redfish.md 1.0.
      bootTargets: ['None', 'Pxe', 'Hdd', 'Cd', 'Diags', 'BiosSetup', 'Usb'],
    },
    // The OEM key that bmcweb's managers carry (captured: libredfish GB200).
    manager: { uri: BMC_0, model: 'OpenBmc', firmware: '01.02.03', more: { Oem: { OpenBmc: {} } } },
    media: [{ uri: openBmcMedia, owner: 'manager' }],
    drives: [
      { uri: `${openBmcMedia}/Slot_0`, id: 'Slot_0', mediaTypes: ['CD', 'USBStick'], actions: [] },
      ...['USB1', 'USB2'].map((id): WrittenController['drives'][number] => ({
        ...{ uri: `${openBmcMedia}/${id}`, id, mediaTypes: ['CD', 'USBStick'] },
        actions: ['InsertMedia', 'EjectMedia'],
      })),
    ],
  }),
}
