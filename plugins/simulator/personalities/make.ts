// SPDX-License-Identifier: AGPL-3.0-or-later
/**
 * Selects what a personality needs from a folder of captures: `bun make.ts CAPTURES` writes
 * `<name>.json` (path → resource, nothing changed) and `digests.json` (path → SHA-256 of the
 * resource as one line of JSON) beside itself; `--check` writes nothing and says what differs.
 */
import { join } from 'node:path'

/** Whatever a client walks from the service root to media, power, sessions, tasks and licence. */
const COMMON = [
  '/redfish',
  '/redfish/v1',
  '/redfish/v1/odata',
  '/redfish/v1/Systems',
  '/redfish/v1/Managers',
  '/redfish/v1/Chassis',
  '/redfish/v1/SessionService',
  '/redfish/v1/SessionService/Sessions',
  '/redfish/v1/TaskService',
  '/redfish/v1/TaskService/Tasks',
]

/** A capture and what of it a personality needs. */
interface Selection {
  readonly capture: string
  readonly paths: readonly string[]
  /** Of the common paths, what the controller has not, or the capture not. */
  readonly lacks?: readonly string[]
}

const below = (uri: string, names: readonly string[]) => names.map((name) => `${uri}/${name}`)
const XCC_DRIVES = [
  ...['EXT1', 'EXT2', 'EXT3', 'EXT4', 'Remote1', 'Remote2', 'Remote3', 'Remote4', 'RDOC1', 'RDOC2'],
]
const SUSHY_SYSTEM = '/redfish/v1/Systems/27946b59-9e44-4fa7-8e91-f3527a1ef094'

const SELECTION: Readonly<Record<string, Selection>> = {
  'dell-r750': {
    capture: 'libredfish/dell-r750-idrac9-6.00.30.00',
    paths: [
      '/redfish/v1/Systems/System.Embedded.1',
      '/redfish/v1/Systems/System.Embedded.1/VirtualMedia',
      '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/1',
      '/redfish/v1/Systems/System.Embedded.1/VirtualMedia/2',
      '/redfish/v1/Managers/iDRAC.Embedded.1',
      '/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia',
      '/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia/CD',
      '/redfish/v1/Managers/iDRAC.Embedded.1/VirtualMedia/RemovableDisk',
      '/redfish/v1/Managers/iDRAC.Embedded.1/Oem/Dell/DellLicenses',
      '/redfish/v1/Chassis/System.Embedded.1',
      '/redfish/v1/Chassis/Enclosure.Internal.0-1',
    ],
  },
  'supermicro-x13': {
    capture: 'libredfish/supermicro-821ge-tnhr-x13-11.01.01',
    paths: [
      '/redfish/v1/Systems/1',
      '/redfish/v1/Systems/1/ResetActionInfo',
      '/redfish/v1/Managers/1',
      '/redfish/v1/Managers/1/VirtualMedia',
      '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1',
      '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia1/InsertMediaActionInfo',
      '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia2',
      '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia2/InsertMediaActionInfo',
      '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia3',
      '/redfish/v1/Managers/1/VirtualMedia/VirtualMedia3/InsertMediaActionInfo',
      '/redfish/v1/Chassis/1',
      '/redfish/v1/Chassis/UBB_1',
      '/redfish/v1/Chassis/NVMeSSD.0.Group.0.StorageBackplane',
    ],
  },
  'hpe-dl360': {
    capture: 'hpe-ilo-emulator/hpe-dl360gen10plus-ilo5-3.11',
    paths: [
      '/redfish/v1/Systems/1',
      '/redfish/v1/Managers/1',
      '/redfish/v1/Managers/1/VirtualMedia',
      '/redfish/v1/Managers/1/VirtualMedia/1',
      '/redfish/v1/Managers/1/VirtualMedia/2',
      '/redfish/v1/Managers/1/LicenseService',
      '/redfish/v1/Managers/1/LicenseService/1',
      '/redfish/v1/Chassis/1',
      '/redfish/v1/Chassis/DE00A000',
    ],
  },
  'hpe-dl360-gen12': {
    capture: 'hpe-ilo-emulator/hpe-dl360gen12-ilo7-1.14.00',
    paths: [
      '/redfish/v1/Systems/1',
      '/redfish/v1/Managers/1',
      '/redfish/v1/Managers/1/VirtualMedia',
      '/redfish/v1/Managers/1/VirtualMedia/1',
      '/redfish/v1/Managers/1/VirtualMedia/2',
      '/redfish/v1/Managers/1/LicenseService',
      '/redfish/v1/Managers/1/LicenseService/1',
      '/redfish/v1/Chassis/1',
      '/redfish/v1/Chassis/DE00A000',
    ],
  },
  'hpe-cray-ex425': {
    capture: 'csm-rie/hpecray-ex425-nc',
    paths: [
      '/redfish/v1/Systems/Node0',
      '/redfish/v1/Systems/Node0/ResetActionInfo',
      '/redfish/v1/Systems/Node1',
      '/redfish/v1/Systems/Node1/ResetActionInfo',
      '/redfish/v1/Managers/BMC',
      '/redfish/v1/Managers/MCU0',
      '/redfish/v1/Chassis/Enclosure',
      '/redfish/v1/Chassis/Node0',
      '/redfish/v1/Chassis/Node1',
    ],
  },
  'lenovo-sr670v2': {
    capture: 'libredfish/lenovo-sr670v2-xcc-2.83',
    paths: [
      '/redfish/v1/Systems/1',
      '/redfish/v1/Systems/1/Pending',
      '/redfish/v1/Systems/1/ResetActionInfo',
      '/redfish/v1/Systems/1/VirtualMedia',
      ...below('/redfish/v1/Systems/1/VirtualMedia', XCC_DRIVES),
      '/redfish/v1/Managers/1',
      '/redfish/v1/Managers/1/VirtualMedia',
      ...below('/redfish/v1/Managers/1/VirtualMedia', XCC_DRIVES),
      '/redfish/v1/LicenseService',
      '/redfish/v1/Chassis/1',
      '/redfish/v1/Chassis/3',
    ],
  },
  'gigabyte-h262': {
    capture: 'csm-rie/gigabyte-h262z63-ami-12.84.13',
    paths: [
      '/redfish/v1/Systems/Self',
      '/redfish/v1/Systems/Self/ResetActionInfo',
      '/redfish/v1/Managers/Self',
      '/redfish/v1/Managers/Self/VirtualMedia',
      '/redfish/v1/Managers/Self/VirtualMedia/CD1',
      '/redfish/v1/Managers/Self/Oem/Ami/VirtualMedia.EnableRMediaActionInfo',
      '/redfish/v1/Managers/Self/Oem/Ami/VirtualMedia.ConfigureCDInstanceActionInfo',
      '/redfish/v1/Chassis/Self',
    ],
  },
  'nvidia-gb200': {
    capture: 'libredfish/openbmc-gb200-24.12-8',
    paths: [
      '/redfish/v1/Systems/System_0',
      '/redfish/v1/Systems/System_0/Settings',
      '/redfish/v1/Systems/System_0/ResetActionInfo',
      '/redfish/v1/Systems/HGX_Baseboard_0',
      '/redfish/v1/Managers/BMC_0',
      '/redfish/v1/Managers/BMC_0/VirtualMedia',
      '/redfish/v1/Managers/BMC_0/VirtualMedia/USB1',
      '/redfish/v1/Managers/BMC_0/VirtualMedia/USB2',
      '/redfish/v1/Managers/HGX_BMC_0',
      '/redfish/v1/Chassis/BMC_0',
      '/redfish/v1/Chassis/Chassis_0',
    ],
  },
  'nvidia-bluefield3': {
    capture: 'libredfish/openbmc-bluefield3-24.10',
    paths: [
      '/redfish/v1/Systems/Bluefield',
      '/redfish/v1/Systems/Bluefield/Settings',
      '/redfish/v1/Systems/Bluefield/ResetActionInfo',
      '/redfish/v1/Managers/Bluefield_BMC',
      '/redfish/v1/Chassis/Bluefield_BMC',
      '/redfish/v1/Chassis/Card1',
    ],
  },
  'sushy-two-cd': {
    capture: 'sushy-tools/fake-driver-two-cd',
    lacks: ['/redfish', '/redfish/v1/odata', '/redfish/v1/SessionService', '/redfish/v1/SessionService/Sessions', '/redfish/v1/TaskService', '/redfish/v1/TaskService/Tasks'],
    paths: [
      SUSHY_SYSTEM,
      `${SUSHY_SYSTEM}/VirtualMedia`,
      `${SUSHY_SYSTEM}/VirtualMedia/Cd`,
      `${SUSHY_SYSTEM}/VirtualMedia/Cd2`,
      `${SUSHY_SYSTEM}/VirtualMedia/Floppy`,
      '/redfish/v1/Managers/27946b59-9e44-4fa7-8e91-f3527a1ef094',
      '/redfish/v1/Chassis/15693887-7984-9484-3272-842188918912',
    ],
  },
}

const digest = (resource: unknown) =>
  new Bun.CryptoHasher('sha256').update(JSON.stringify(resource)).digest('hex')

async function select(captures: string, { capture, paths, lacks = [] }: Selection) {
  const resources: Record<string, unknown> = {}
  for (const path of [...COMMON.filter((each) => !lacks.includes(each)), ...paths]) {
    resources[path] = await Bun.file(join(captures, capture, path, 'index.json')).json()
  }
  return resources
}

/** Writes the file, or says that it differs. */
async function settle(name: string, content: string, check: boolean): Promise<boolean> {
  const file = join(import.meta.dir, name)
  if (!check) await Bun.write(file, content)
  const same = (await Bun.file(file).text()) === content
  console.log(`${name}: ${check ? (same ? 'equals the capture' : 'DIFFERS') : 'written'}`)
  return same
}

async function main(args: readonly string[]): Promise<number> {
  const captures = args.find((arg) => !arg.startsWith('-'))
  if (!captures) {
    console.error('give the folder of captures: bun make.ts [--check] FOLDER')
    return 2
  }
  const check = args.includes('--check')
  const digests: Record<string, Record<string, string>> = {}
  let same = true
  for (const [name, selection] of Object.entries(SELECTION)) {
    const resources = await select(captures, selection)
    digests[name] = Object.fromEntries(
      Object.entries(resources).map(([path, resource]) => [path, digest(resource)]),
    )
    same = (await settle(`${name}.json`, `${JSON.stringify(resources, null, 1)}\n`, check)) && same
  }
  const all = `${JSON.stringify(digests, null, 1)}\n`
  return (await settle('digests.json', all, check)) && same ? 0 : 1
}

if (import.meta.main) process.exit(await main(process.argv.slice(2)))
