// SPDX-License-Identifier: AGPL-3.0-or-later
import { GiB } from '../../core/units.ts'
import type { Disk } from './disk.ts'
import { part, type Resource } from './wire.ts'

/** What the maintenance OS finds in the machine: CPU and memory as captured, one disk, one NIC. */
export function inventoryOf(
  system: Resource,
  { serial, wwn }: Disk,
  path: string,
): Readonly<Record<string, unknown>> {
  const processors = part(system, 'ProcessorSummary')
  const memory = Number(part(system, 'MemorySummary')['TotalSystemMemoryGiB'] ?? 0)
  const octets = (wwn.slice(-6).match(/../g) ?? []).join(':')
  return {
    cpu: { model: processors['Model'] ?? '', sockets: processors['Count'] ?? 0 },
    memory_bytes: memory * GiB,
    disks: [{ path, serial, wwn, size_bytes: 480 * GiB, rotational: false }],
    // 02: a locally administered address, which no real card has.
    nics: [{ name: 'eno1', mac: `02:51:3a:${octets}`, link: true }],
  }
}
