// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { diskFaults } from './faults.ts'
import type { MachineOs } from './machine-os.ts'

/** A whole disk, as `lsblk` tells it. */
export interface Disk {
  readonly path: string
  /** `disk`, or what only an explicit path may choose: `loop`, `raid1`, `mpath` … */
  readonly kind: string
  readonly sizeBytes: number
  /** Of a logical sector. */
  readonly sectorBytes: number
  readonly rotational: boolean
  readonly readOnly: boolean
  readonly model: string
  /** Empty when the disk has none, as virtual ones. */
  readonly serial: string
  readonly wwn: string
  readonly transport: string
  /** Paths of its partitions, and of what is built upon them. */
  readonly partitions: readonly string[]
  /** Where it, or a partition of it, is mounted or used as swap. */
  readonly mounted: readonly string[]
}

const Text = v.optional(v.nullable(v.string()), null)

const leaf = {
  path: v.string(),
  type: v.string(),
  size: v.number(),
  rota: v.boolean(),
  ro: v.boolean(),
  model: Text,
  serial: Text,
  wwn: Text,
  tran: Text,
  'log-sec': v.number(),
  mountpoints: v.optional(v.array(v.nullable(v.string())), []),
}
interface Device extends v.InferOutput<ReturnType<typeof leafObject>> {
  readonly children?: Device[] | undefined
}
const leafObject = () => v.object(leaf)
const Device: v.GenericSchema<unknown, Device> = v.lazy(() =>
  v.object({ ...leaf, children: v.optional(v.array(Device)) }),
)
const Listing = v.object({ blockdevices: v.array(Device) })

/** What the listing asks `lsblk` for; its JSON has these names in lower case. */
export const LSBLK = [
  'lsblk',
  '--json',
  '--bytes',
  // Else partitions stand beside their disk, and nobody sees what is mounted of it.
  '--tree',
  '--output',
  'PATH,TYPE,SIZE,ROTA,RO,MODEL,SERIAL,WWN,TRAN,LOG-SEC,MOUNTPOINTS',
] as const

/** Never a disk to install on, whatever the recipe says. */
const NEVER = new Set(['rom', 'part', 'lvm', 'crypt'])

const below = ({ children = [] }: Device): Device[] =>
  children.flatMap((child) => [child, ...below(child)])

function diskOf(device: Device): Disk {
  const descendants = below(device)
  return {
    path: device.path,
    kind: device.type,
    sizeBytes: device.size,
    sectorBytes: device['log-sec'],
    rotational: device.rota,
    readOnly: device.ro,
    model: (device.model ?? '').trim(),
    serial: (device.serial ?? '').trim(),
    wwn: (device.wwn ?? '').trim(),
    transport: device.tran ?? '',
    partitions: descendants.map(({ path }) => path),
    mounted: [device, ...descendants].flatMap(({ mountpoints }) =>
      mountpoints.filter((point) => point !== null),
    ),
  }
}

/** The disks in the output of `lsblk`; undefined when it is not that. */
export function parseDisks(json: string): readonly Disk[] | undefined {
  try {
    const listing = v.safeParse(Listing, JSON.parse(json))
    if (!listing.success) return undefined
    const all = listing.output.blockdevices.flatMap((device) => [device, ...below(device)])
    const whole = all.filter(({ type, size }) => !NEVER.has(type) && size > 0)
    return [...new Map(whole.map((device) => [device.path, diskOf(device)])).values()]
  } catch {
    return undefined
  }
}

/** Every whole disk of the machine. Throws `machine.disk-unreadable`. */
export async function listDisks(os: MachineOs): Promise<readonly Disk[]> {
  const { code, stdout, stderr } = await os.run(LSBLK)
  const disks = code === 0 ? parseDisks(stdout) : undefined
  if (disks) return disks
  throw diskFaults.diskUnreadable(
    `the disks can not be listed: lsblk ended with ${code} ${stderr.trim().slice(0, 300)}`,
  )
}
