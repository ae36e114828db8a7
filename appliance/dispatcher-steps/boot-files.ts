// SPDX-License-Identifier: AGPL-3.0-or-later
/** Texts that make a system start, from what was found in it. Pure: the same input gives the same text. */
import type { PlannedPartition } from './partition-plan.ts'

/** A partition with the UUID of its file system. */
export interface Volume {
  readonly partition: PlannedPartition
  /** Empty when it has none. */
  readonly uuid: string
}

/** A kernel of the new system; paths as the system itself sees them. */
export interface Kernel {
  readonly version: string
  readonly image: string
  /** Undefined when the image brings none. */
  readonly initrd: string | undefined
}

/** What every system started by us is told: provisioning contract 1.6. */
const CONSOLES = 'console=ttyS0,115200 console=tty0'

const OPTIONS: Readonly<Record<string, string>> = {
  vfat: 'umask=0077',
  // A disk that is missing must not keep the system from starting.
  ntfs: 'defaults,nofail',
  btrfs: 'defaults',
  xfs: 'defaults',
  ext4: 'errors=remount-ro',
}

const mountable = ({ partition: { layout }, uuid }: Volume) =>
  uuid !== '' && (layout.mountpoint !== undefined || layout.format === 'swap')

/** Files are checked at start by what `fsck` knows: the root first, all else after it. */
const pass = (mountpoint: string, format: string) => {
  if (format === 'xfs' || format === 'btrfs' || format === 'ntfs') return 0
  return mountpoint === '/' ? 1 : 2
}

/** `/etc/fstab`: outer folders before inner ones. */
export function fstab(volumes: readonly Volume[]): string {
  const rows = volumes.filter(mountable).map(({ partition: { layout }, uuid }) => {
    const { format, mountpoint } = layout
    if (mountpoint === undefined) return `UUID=${uuid} none swap sw 0 0`
    const options = OPTIONS[format] ?? 'defaults'
    return `UUID=${uuid} ${mountpoint} ${format} ${options} 0 ${pass(mountpoint, format)}`
  })
  const place = (row: string) => row.split(' ')[1] ?? ''
  const sorted = rows.sort((a, b) => (place(a) < place(b) ? -1 : 1))
  return ['# Written by slipway when this system was installed.', ...sorted, ''].join('\n')
}

/** What the kernel is told; `more` comes from the recipe. */
export function kernelCommandLine(volumes: readonly Volume[], more: string): string {
  const root = volumes.find(({ partition }) => partition.layout.mountpoint === '/')
  return [`root=UUID=${root?.uuid ?? ''}`, 'ro', CONSOLES, more].filter(Boolean).join(' ')
}

/** Which file system a path is on, and where in it. */
export function placeOf(
  volumes: readonly Volume[],
  path: string,
): { readonly uuid: string; readonly path: string } {
  const inside = ({ partition: { layout } }: Volume) => {
    const mountpoint = layout.mountpoint ?? ''
    return mountpoint === '/' || (mountpoint !== '' && path.startsWith(`${mountpoint}/`))
  }
  const length = ({ partition }: Volume) => (partition.layout.mountpoint ?? '').length
  const [volume] = volumes.filter(inside).sort((a, b) => length(b) - length(a))
  const mountpoint = volume?.partition.layout.mountpoint ?? '/'
  return {
    uuid: volume?.uuid ?? '',
    path: mountpoint === '/' ? path : path.slice(mountpoint.length),
  }
}

/** The newest first: by their numbers, so that 6.12 stands before 6.9. */
export const newestFirst = (kernels: readonly Kernel[]): readonly Kernel[] =>
  kernels.toSorted((a, b) => b.version.localeCompare(a.version, 'en', { numeric: true }))

/** A menu of GRUB for systems that can not write their own; on the screen and on the serial line. */
export function grubConfig(
  kernels: readonly Kernel[],
  volumes: readonly Volume[],
  commandLine: string,
): string {
  const entries = newestFirst(kernels).map(({ version, image, initrd }) => {
    const kernel = placeOf(volumes, image)
    return [
      `menuentry 'Linux ${version}' {`,
      `  search --no-floppy --fs-uuid --set=root ${kernel.uuid}`,
      `  linux ${kernel.path} ${commandLine}`,
      ...(initrd === undefined ? [] : [`  initrd ${placeOf(volumes, initrd).path}`]),
      '}',
    ].join('\n')
  })
  return [
    '# Written by slipway when this system was installed.',
    'serial --unit=0 --speed=115200',
    'terminal_input console serial',
    'terminal_output console serial',
    'set default=0',
    'set timeout=3',
    'insmod all_video',
    ...entries,
    '',
  ].join('\n')
}

/** An entry of systemd-boot (UAPI.1), its files beside it on the EFI system partition. */
export function loaderEntry(kernel: Kernel, commandLine: string): string {
  return [
    `title Linux ${kernel.version}`,
    `version ${kernel.version}`,
    `linux /slipway/${kernel.version}/linux`,
    ...(kernel.initrd === undefined ? [] : [`initrd /slipway/${kernel.version}/initrd`]),
    `options ${commandLine}`,
    '',
  ].join('\n')
}
