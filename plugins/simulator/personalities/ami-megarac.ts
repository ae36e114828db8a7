// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from '../manners.ts'
import type { OemEndpoint } from '../oem.ts'
import type { Personality } from '../personality.ts'
import { Refusal } from '../refusal.ts'
import { type WrittenDrive, writtenTree } from '../written.ts'
import gigabyteH262Tree from './gigabyte-h262.json'

/** AllowableValues captured from Gigabyte H262 (AMI 12.84). */
const BOOT_TARGETS = ['None', 'Pxe', 'Floppy', 'Cd', 'Usb', 'Hdd', 'BiosSetup', 'UefiShell']
const RESET_TYPES = ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart']
const SYSTEM = '/redfish/v1/Systems/Self'
const MANAGER = '/redfish/v1/Managers/Self'

const megarac: Manners = {
  ...standard,
  title: 'AMI MegaRAC',
  registry: 'Base.1.5',
  // Captured from H262: registry Ami.1.0.0 names both.
  messageIds: {
    occupied: { id: 'Ami.1.0.ActionExist', status: 400 },
    noEtag: { id: 'Ami.1.0.PreconditionHeaderMissing', status: 428 },
  },
  etags: 'weak',
  // "Gigabyte rejects its own weak etag": redfish.md 2 (community.general #6434).
  ifMatch: 'strong',
  // "Must send mode + enabled + target every time": redfish.md 1.5 (ironic VENDORS_REQUIRING_FULL_BOOT_REQUEST).
  bootNeedsAll: true,
  boots: { Cd: [/\/VirtualMedia\/CD\d$/] },
}

/** Remote media switched on: the collection lists its drives. Parameter names captured from H262. */
const enableRemoteMedia = (path: string, manager: string, ids: readonly string[]): OemEndpoint => ({
  ...{ method: 'POST', path },
  handle(desk, body) {
    const state = body['RMediaState']
    if (state !== 'Enable' && state !== 'Disable') {
      throw new Refusal('parameterValue', ['EnableRMedia', 'RMediaState'])
    }
    const shown = state === 'Enable' ? ids : []
    const Members = shown.map((id) => ({ '@odata.id': `${manager}/VirtualMedia/${id}` }))
    desk.amend(`${manager}/VirtualMedia`, { Members, 'Members@odata.count': Members.length })
    return desk.success(204)
  },
})

/** H262-Z63-00, AMI 12.84.13: captured. SessionTimeout 30 as captured. */
export const gigabyteH262: Personality = {
  manners: {
    ...megarac,
    title: 'Gigabyte, AMI 12.84',
    sessionTimeoutMs: 30_000,
    oem: [
      enableRemoteMedia(`${MANAGER}/Actions/Oem/Ami/VirtualMedia.EnableRMedia`, MANAGER, ['CD1']),
    ],
  },
  resources: gigabyteH262Tree,
}

const cd = (manager: string, id: string): WrittenDrive => ({
  uri: `${manager}/VirtualMedia/${id}`,
  id,
  mediaTypes: ['CD', 'DVD'],
  actions: ['InsertMedia', 'EjectMedia'],
  // "string None in Image": captured from H262.
  more: { Image: 'None', ImageName: 'None' },
})

const written = (parts: {
  readonly vendor: string
  readonly manufacturer: string
  readonly model: string
  readonly serial: string
  readonly manager?: string
  readonly drives: readonly WrittenDrive[]
  readonly actions?: object
  readonly others?: Readonly<Record<string, Record<string, unknown>>>
  readonly listed?: readonly string[]
}) => {
  const { manager = MANAGER, listed } = parts
  const Members = listed?.map((uri) => ({ '@odata.id': uri }))
  return writtenTree({
    redfishVersion: '1.7.0',
    ...{ vendor: parts.vendor, product: 'AMI Redfish Server' },
    rootMore: { Oem: { Ami: { RtpVersion: '1.7.0' } } },
    system: {
      ...{ uri: SYSTEM, manufacturer: parts.manufacturer, model: parts.model },
      ...{ serial: parts.serial, bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES },
    },
    manager: {
      ...{ uri: manager, model: 'AST2500', firmware: '12.84' },
      ...(parts.actions && { more: { Actions: { Oem: parts.actions } } }),
    },
    drives: parts.drives,
    media: [
      {
        ...{ uri: `${manager}/VirtualMedia`, owner: 'manager' },
        ...(Members && { more: { Members, 'Members@odata.count': Members.length } }),
      },
    ],
    ...(parts.others && { others: parts.others }),
  })
}

/**
 * "Two images at once? if `ConfigureCDInstance` ≥ 2": redfish.md 1.0. "Boot PATCH refused with
 * `Ami.1.0.OperationSupportedInFutureStateURI`: GET `Systems/<id>/SD` for ETag and PATCH there":
 * redfish.md 1.5 (omni-infra redfish.go:113-190).
 */
export const asrockAmi: Personality = {
  manners: {
    ...megarac,
    title: 'ASRock Rack, AMI',
    messageIds: {
      ...megarac.messageIds,
      propertyReadOnly: { id: 'Ami.1.0.OperationSupportedInFutureStateURI', status: 400 },
    },
    bootAt: `${SYSTEM}/SD`,
  },
  resources: written({
    ...{ vendor: 'AMI', manufacturer: 'ASRockRack', model: 'ROMED8-2T', serial: 'ASR1' },
    drives: ['CD1', 'CD2'].map((id) => cd(MANAGER, id)),
    others: {
      [`${SYSTEM}/SD`]: {
        ...{ '@odata.type': '#ComputerSystem.v1_7_0.ComputerSystem', Id: 'SD', Name: 'System' },
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

const SR655_ENABLE = `${MANAGER}/Actions/Oem/AMIVirtualMedia.EnableRMedia`

/**
 * "SR635/SR655 (AMI): `#AMIVirtualMedia.EnableRMedia`, wait 10 s; … insert returns 202 task":
 * redfish.md 1.4 (lenovo-py :140-190). PATCH without If-Match refused: gofish #171. Remote media are off.
 */
export const lenovoSr655: Personality = {
  manners: {
    ...megarac,
    title: 'Lenovo SR655, AMI',
    ifMatch: 'required',
    insertAnswer: 'task',
    drivesListedOnly: true,
    oem: [enableRemoteMedia(SR655_ENABLE, MANAGER, ['CD1'])],
  },
  resources: written({
    ...{ vendor: 'Lenovo', manufacturer: 'Lenovo', model: 'ThinkSystem SR655', serial: 'LNV655' },
    drives: [cd(MANAGER, 'CD1')],
    listed: [],
    actions: { '#AMIVirtualMedia.EnableRMedia': { target: SR655_ENABLE } },
  }),
}

/** "DGX requires UserName/Password: send none": redfish.md 1.5 (sushy note vmedia-blank-auth, bug 2071945). */
export const nvidiaDgx: Personality = {
  manners: { ...megarac, title: 'NVIDIA DGX, AMI', insertNeeds: ['UserName', 'Password'] },
  resources: written({
    ...{ vendor: 'AMI', manufacturer: 'NVIDIA', model: 'DGXH100', serial: 'DGX1' },
    // "NVIDIA DGX | Manager `BMC` | CD1": redfish.md 1.0.
    manager: '/redfish/v1/Managers/BMC',
    drives: [cd('/redfish/v1/Managers/BMC', 'CD1')],
  }),
}
