// SPDX-License-Identifier: AGPL-3.0-or-later
import { KiB, MiB } from '../../core/units.ts'
import { diskFaults } from './faults.ts'
import { kernelText, type MachineOs } from './machine-os.ts'

/** What installs: measured, see appliance/maintenance/README.md. */
export const LEAST_MEMORY_BYTES = 768 * MiB

/** Kernel and firmware keep some of what is plugged in to themselves: 61 MiB of 768, 65 of 1024, more on real boards. */
const KEPT_BYTES = 96 * MiB

/** What the kernel has to give, in bytes; 0 when it does not tell. */
export async function memoryBytes(os: MachineOs): Promise<number> {
  const kibibytes = /^MemTotal:\s+(\d+) kB$/m.exec(await kernelText(os, '/proc/meminfo'))?.[1]
  return Number(kibibytes ?? 0) * KiB
}

/** Throws `machine.memory-too-small` before a step would be killed for it, half done. */
export async function assertMemory(os: MachineOs): Promise<void> {
  const bytes = await memoryBytes(os)
  if (bytes === 0 || bytes >= LEAST_MEMORY_BYTES - KEPT_BYTES) return
  const [has, needs] = [bytes, LEAST_MEMORY_BYTES].map((each) => Math.round((each ?? 0) / MiB))
  throw diskFaults.memoryTooSmall(
    `this machine has ${has} MiB of memory that can be used, and an installation takes a machine of ${needs} MiB: look at its memory modules, or give the virtual machine more`,
  )
}
