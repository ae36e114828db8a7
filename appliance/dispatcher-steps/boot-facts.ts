// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Kernel, Volume } from './boot-files.ts'
import { planOf } from './partition.ts'
import { must, type StepContext } from './step.ts'

/** What the firmware of this kind of machine starts. */
export interface Firmware {
  /** Name of GRUB's target. */
  readonly grubTarget: string
  /** What firmware looks for on a medium that it knows nothing of (UEFI 2.10 §3.5.1.1). */
  readonly fallback: string
  readonly systemdBoot: string
}

const FIRMWARES: Readonly<Record<string, Firmware>> = {
  x64: {
    grubTarget: 'x86_64-efi',
    fallback: 'BOOTX64.EFI',
    systemdBoot: 'systemd-bootx64.efi',
  },
  arm64: {
    grubTarget: 'arm64-efi',
    fallback: 'BOOTAA64.EFI',
    systemdBoot: 'systemd-bootaa64.efi',
  },
}

const UNKNOWN: Firmware = { grubTarget: '', fallback: '', systemdBoot: '' }

/** Of this machine's processor. */
export const firmwareOf = (arch: string = process.arch): Firmware => FIRMWARES[arch] ?? UNKNOWN

/** Where images keep an initramfs beside `/boot/vmlinuz-V`: Debian, Red Hat, SUSE, bootc. */
const initrdsOf = (version: string) => [
  `/boot/initrd.img-${version}`,
  `/boot/initramfs-${version}.img`,
  `/boot/initrd-${version}`,
  `/usr/lib/modules/${version}/initramfs.img`,
]

/** The kernels of the new system, in `/boot` or beside their modules. */
export async function kernelsOf(root: string): Promise<readonly Kernel[]> {
  const list = (path: string) => readdir(join(root, path)).catch((): string[] => [])
  const inBoot = (await list('/boot')).flatMap((name) => {
    const version = /^vmlinuz-(.+)$/.exec(name)?.[1]
    return version === undefined ? [] : [{ version, image: `/boot/${name}` }]
  })
  const beside = (await list('/usr/lib/modules'))
    .filter((version) => !inBoot.some((kernel) => kernel.version === version))
    .map((version) => ({ version, image: `/usr/lib/modules/${version}/vmlinuz` }))
    .filter(({ image }) => existsSync(join(root, image)))
  return [...inBoot, ...beside].map((kernel) => ({
    ...kernel,
    initrd: initrdsOf(kernel.version).find((path) => existsSync(join(root, path))),
  }))
}

/** The partitions with the UUIDs of what was made on them. */
export async function volumesOf(context: StepContext): Promise<readonly Volume[]> {
  const volumes: Volume[] = []
  for (const partition of planOf(context).partitions) {
    const has = !['none', 'raw'].includes(partition.layout.format)
    const ask = ['blkid', '--probe', '--output', 'value', '--match-tag', 'UUID', partition.path]
    volumes.push({ partition, uuid: has ? (await must(context, ask)).trim() : '' })
  }
  return volumes
}

/** A program of the new system; undefined when it has none. */
export const programOf = (root: string, ...names: readonly string[]): string | undefined =>
  names
    .flatMap((name) => ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].map((path) => `${path}/${name}`))
    .find((path) => existsSync(join(root, path)))
