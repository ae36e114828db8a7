// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Manners, standard } from '../manners.ts'
import type { OemEndpoint } from '../oem.ts'
import { driveByPatch } from '../patch-drive.ts'
import type { Personality } from '../personality.ts'
import { type WrittenDrive, writtenTree } from '../written.ts'
import sr670v2 from './lenovo-sr670v2.json'

const KINDS = ['CD', 'DVD', 'Floppy', 'USBStick']
const EXT = ['EXT1', 'EXT2', 'EXT3', 'EXT4']
/** "10 listed slots; use only EXT*": redfish.md 1.4 (c.g :3032, lenovo-py #21). RDOC come first (redfish.md 2). */
const LISTED = ['RDOC1', 'RDOC2', 'Remote1', 'Remote2', 'Remote3', 'Remote4', ...EXT]
const MANAGER_VIEW = '/redfish/v1/Managers/1/VirtualMedia'
const SYSTEM_VIEW = '/redfish/v1/Systems/1/VirtualMedia'

/** Only EXT1 to EXT4 take a PATCH. "Max 4 concurrent mounts": redfish.md 1.4 (lenovo-py #9). */
const takesPatch = (view: string): readonly OemEndpoint[] =>
  EXT.map((id) => driveByPatch(`${view}/${id}`))

const xcc: Manners = {
  ...standard,
  title: 'Lenovo XCC',
  // "XCC 412 `Base.1.12.PreconditionFailed`": redfish.md 2 (operations-center #1040, c.g #11261).
  registry: 'Base.1.12',
  etags: 'strong',
  ifMatch: 'required',
  // "session cap 16": redfish.md 1.4. SessionTimeout 300: captured SessionService of SR670 V2.
  sessionCap: 16,
  sessionTimeoutMs: 300_000,
  boots: { Cd: [/\/VirtualMedia\/EXT\d$/] },
}

/** ThinkSystem SR670 V2, XCC 2.83: captured. Neither view lists an action; which takes PATCH was not captured. */
export const lenovoSr670v2: Personality = {
  manners: {
    ...xcc,
    title: 'Lenovo XCC 2.83',
    oem: [...takesPatch(SYSTEM_VIEW), ...takesPatch(MANAGER_VIEW)],
  },
  resources: sr670v2,
}

const drive = (id: string): WrittenDrive => ({
  ...{ uri: `${MANAGER_VIEW}/${id}`, id, mediaTypes: KINDS, actions: [] },
})

/** Boot values as captured from SR670 V2; "No `Continuous` override": redfish.md 1.4. */
const BOOT_TARGETS = ['None', 'Pxe', 'Cd', 'Usb', 'Hdd', 'BiosSetup', 'Diags']
const RESET_TYPES = ['On', 'Nmi', 'GracefulShutdown', 'ForceOn', 'ForceOff', 'ForceRestart']

const written = (parts: {
  readonly model: string
  readonly serial: string
  readonly firmware: string
  readonly drives: readonly WrittenDrive[]
}) =>
  writtenTree({
    redfishVersion: '1.5.0',
    vendor: 'Lenovo',
    system: {
      ...{ uri: '/redfish/v1/Systems/1', manufacturer: 'Lenovo', model: parts.model },
      ...{ serial: parts.serial, bootTargets: BOOT_TARGETS, resetTypes: RESET_TYPES },
      more: { Oem: { Lenovo: {} } },
    },
    manager: {
      uri: '/redfish/v1/Managers/1',
      model: 'Lenovo XClarity Controller',
      firmware: parts.firmware,
    },
    drives: parts.drives,
    media: [{ uri: MANAGER_VIEW, owner: 'manager' }],
  })

/** "XCC: no InsertMedia; PATCH … with If-Match": redfish.md 1.4 (gofish #529: SR630 V2, XCC 1.89). */
export const lenovoSr630v2: Personality = {
  manners: { ...xcc, title: 'Lenovo XCC 1.89', oem: takesPatch(MANAGER_VIEW) },
  resources: written({
    ...{ model: 'ThinkSystem SR630 V2', serial: 'LNV630V2' },
    firmware: 'AFBT 1.89',
    drives: LISTED.map(drive),
  }),
}

/** "ETag: weak, then strong, then none": redfish.md 1.4 (sushy notes, connector.py:450). HTTP "from XCC 2.50". */
export const lenovoSr650: Personality = {
  manners: {
    ...xcc,
    title: 'Lenovo XCC 2.50',
    etags: 'weak',
    ifMatch: 'strong',
    oem: takesPatch(MANAGER_VIEW),
  },
  resources: written({
    ...{ model: 'ThinkSystem SR650', serial: 'LNV650' },
    firmware: 'CDI 2.50',
    drives: LISTED.map(drive),
  }),
}

/** "below XCC 2.50 (19A) members appear only when mounted", "HTTP + NFS from XCC 2.50": redfish.md 1.4 (lenovo-py #9). */
export const lenovoSr650Old: Personality = {
  manners: { ...xcc, title: 'Lenovo XCC before 2.50' },
  resources: written({
    ...{ model: 'ThinkSystem SR650', serial: 'LNV650OLD' },
    firmware: 'CDI 2.12',
    drives: [],
  }),
}
