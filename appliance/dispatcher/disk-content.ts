// SPDX-License-Identifier: AGPL-3.0-or-later
import * as v from 'valibot'
import type { Overwrite } from '../../schemas/recipe-disk.ts'
import { diskWords } from './choose-disk.ts'
import type { Disk } from './disks.ts'
import { diskFaults } from './faults.ts'
import type { MachineOs } from './machine-os.ts'

const Signatures = v.object({
  signatures: v.array(
    v.object({
      device: v.string(),
      type: v.string(),
      label: v.optional(v.nullable(v.string())),
    }),
  ),
})

/** What a signature is to people; types as libblkid names them. */
const WORDS: Readonly<Record<string, string>> = {
  gpt: 'GPT partition table',
  dos: 'MBR partition table',
  PMBR: 'GPT partition table',
  LVM2_member: 'LVM physical volume',
  linux_raid_member: 'Linux RAID member',
  isw_raid_member: 'Intel RAID member',
  ddf_raid_member: 'DDF RAID member',
  crypto_LUKS: 'LUKS volume',
  zfs_member: 'ZFS member',
  swap: 'swap area',
}

interface Signature {
  readonly device: string
  readonly type: string
  readonly label?: string | null | undefined
}

function words({ device, type, label }: Signature): string {
  const what = WORDS[type] ?? `${type} file system`
  return `${what}${label ? ` "${label}"` : ''} on ${device.startsWith('/') ? device : `/dev/${device}`}`
}

/** Signatures in the output of `wipefs --json`; undefined when it is not that. It prints nothing when there are none. */
export function parseSignatures(text: string): readonly Signature[] | undefined {
  if (text.trim() === '') return []
  try {
    const parsed = v.safeParse(Signatures, JSON.parse(text))
    return parsed.success ? parsed.output.signatures : undefined
  } catch {
    return undefined
  }
}

/** What is on the disk, one phrase a thing; empty when nothing is. Writes nothing. Throws `machine.disk-unreadable`. */
export async function contentOf(os: MachineOs, disk: Disk): Promise<readonly string[]> {
  const devices = [disk.path, ...disk.partitions]
  const found: string[] = []
  for (const device of devices) {
    const { code, stdout, stderr } = await os.run(['wipefs', '--json', '--no-act', device])
    const signatures = code === 0 ? parseSignatures(stdout) : undefined
    if (!signatures) {
      throw diskFaults.diskUnreadable(
        `${device} can not be looked into, so nobody knows whether it is empty: wipefs ended with ${code} ${stderr.trim().slice(0, 300)}`,
      )
    }
    found.push(...signatures.map(words))
  }
  if (found.length === 0) return disk.partitions.map((path) => `partition ${path}`)
  return [...new Set(found)]
}

/** Does the recipe let this disk be erased, with what is on it? Throws `machine.disk-not-empty`. */
export function assertConsent(disk: Disk, content: readonly string[], overwrite: Overwrite): void {
  const consented =
    overwrite === 'any' ||
    (typeof overwrite === 'object' &&
      disk.serial !== '' &&
      overwrite.disk_serial.trim().toLowerCase() === disk.serial.toLowerCase())
  if (consented || (overwrite === 'empty' && content.length === 0)) return
  if (typeof overwrite === 'object') {
    throw diskFaults.diskNotEmpty(
      `overwrite allows the disk with serial ${overwrite.disk_serial}, and this is ${diskWords(disk)}; nothing was written`,
    )
  }
  const remedy = disk.serial ? `overwrite: {"disk_serial": "${disk.serial}"}` : 'overwrite: "any"'
  throw diskFaults.diskNotEmpty(
    `${diskWords(disk)} is not empty: ${content.join(', ')}; nothing was written. To erase it, give the recipe ${remedy}`,
  )
}
