// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import { facts } from '../../core/table.ts'
import { GiB } from '../../core/units.ts'
import { Inventory } from '../../schemas/inventory.ts'

const gib = (bytes: number) => `${(bytes / GiB).toFixed(bytes < 10 * GiB ? 1 : 0)} GiB`
const joined = (...parts: (string | false | undefined)[]) => parts.filter(Boolean).join(', ')
const counted = (count: number | undefined, what: string) =>
  count !== undefined && `${count} ${what}${count === 1 ? '' : 's'}`

const diskLine = (disk: Inventory['disks'][number]) =>
  joined(
    `${disk.path}: ${gib(disk.size_bytes)}`,
    disk.model,
    disk.serial && `serial ${disk.serial}`,
    disk.wwn && `WWN ${disk.wwn}`,
    disk.rotational ? 'rotational' : 'solid state',
    disk.transport,
  )

const nicLine = (nic: Inventory['nics'][number]) =>
  joined(
    `${nic.name}: ${nic.mac}`,
    nic.link ? 'link' : 'no link',
    nic.speed_mbps !== undefined && `${nic.speed_mbps} Mbit/s`,
    nic.driver,
  )

/** What a machine told of itself, for people; one line when it is of another shape. */
export function inventoryLines(inventory: unknown): readonly string[] {
  const parsed = v.safeParse(Inventory, inventory)
  if (!parsed.success) return ['known, in a shape of its own (--json shows it)']
  const { system, firmware, cpu, memory_bytes, disks, nics } = parsed.output
  return [
    ...facts([
      ['system', [system?.vendor, system?.product].filter(Boolean).join(' ')],
      ['firmware', firmware && joined(firmware.mode.toUpperCase(), firmware.version)],
      [
        'cpu',
        joined(
          cpu.model,
          counted(cpu.sockets, 'socket'),
          counted(cpu.cores, 'core'),
          counted(cpu.threads, 'thread'),
        ),
      ],
      ['memory', gib(memory_bytes)],
    ]),
    ...disks.map((disk) => `disk ${diskLine(disk)}`),
    ...nics.map((nic) => `nic ${nicLine(nic)}`),
  ]
}
