// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from '../manners.ts'
import type { Personality } from '../personality.ts'
import { type WrittenDrive, writtenTree } from '../written.ts'
import bluefield3Tree from './nvidia-bluefield3.json'
import gb200Tree from './nvidia-gb200.json'

const bmcweb: Manners = {
  ...standard,
  title: 'OpenBMC',
  // Captured GB200: SessionTimeout 1800.
  sessionTimeoutMs: 1_800_000,
  // "TransferMethod must be Stream; Inserted must be true": redfish.md 1.6 (virtual_media.hpp:142-264).
  insertOnly: { TransferMethod: 'Stream', Inserted: true },
}

/**
 * GB200 NVL, 24.12-8: captured, two systems, of which the host's shows no serial. Boot stands in its
 * settings resource too; that it is written there was not captured.
 */
export const nvidiaGb200: Personality = {
  manners: {
    ...bmcweb,
    title: 'NVIDIA GB200, OpenBMC 24.12',
    serialAt: 'UUID',
    bootAt: '/redfish/v1/Systems/System_0/Settings',
    boots: { Cd: [/\/VirtualMedia\/USB\d$/], Usb: [/\/VirtualMedia\/USB\d$/] },
  },
  resources: gb200Tree,
  systemUri: '/redfish/v1/Systems/System_0',
}

/** BlueField-3, BF-24.10: captured. "NO VirtualMedia, no Cd boot target". */
export const nvidiaBluefield3: Personality = {
  manners: { ...bmcweb, title: 'NVIDIA BlueField-3, OpenBMC 24.10' },
  resources: bluefield3Tree,
}

const MEDIA = '/redfish/v1/Managers/bmc/VirtualMedia'
const BOOT_TARGETS = ['None', 'Pxe', 'Hdd', 'Cd', 'Diags', 'BiosSetup', 'Usb']
const RESET_TYPES = ['On', 'ForceOff', 'ForceOn', 'ForceRestart', 'GracefulShutdown', 'PowerCycle']

const drive = (id: string, actions: WrittenDrive['actions']): WrittenDrive => ({
  ...{ uri: `${MEDIA}/${id}`, id, mediaTypes: ['CD', 'USBStick'], actions },
})

/** "schemes smb/https only", "proxy slots have no action": redfish.md 1.6 (virtual_media.hpp:377-432, 561-588). */
export const openbmcUpstream: Personality = {
  manners: {
    ...bmcweb,
    title: 'OpenBMC, upstream bmcweb',
    imageUrl: /^(https|smb):\/\//,
    boots: { Cd: [/\/VirtualMedia\/Slot_1$/], Usb: [/\/VirtualMedia\/Slot_1$/] },
  },
  resources: writtenTree({
    redfishVersion: '1.17.0',
    system: {
      ...{ uri: '/redfish/v1/Systems/system', manufacturer: 'OpenBMC', model: 'system' },
      ...{ serial: 'OBMC1', bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES },
    },
    manager: {
      ...{ uri: '/redfish/v1/Managers/bmc', model: 'OpenBmc', firmware: '2.18.0' },
      more: { Oem: { OpenBmc: {} } },
    },
    drives: [drive('Slot_0', []), drive('Slot_1', ['InsertMedia', 'EjectMedia'])],
    media: [{ uri: MEDIA, owner: 'manager' }],
  }),
}

/** "Intel: VirtualMedia collection has no members": redfish.md 1.6 (Cray emulator mockups/Intel). */
export const intelBmc: Personality = {
  manners: { ...bmcweb, title: 'Intel server BMC' },
  resources: writtenTree({
    redfishVersion: '1.1.0',
    system: {
      ...{ uri: '/redfish/v1/Systems/system', manufacturer: 'Intel Corporation', model: 'S2600' },
      ...{ serial: 'INTEL1', bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES },
    },
    manager: { uri: '/redfish/v1/Managers/BMC', model: 'Intel BMC', firmware: '2.0' },
    drives: [],
    media: [{ uri: '/redfish/v1/Managers/BMC/VirtualMedia', owner: 'manager' }],
  }),
}
