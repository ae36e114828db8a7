// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path'
import type { HardwareDrive } from '../../plugins/simulator/index.ts'

/** What starts the machine before any medium: `ovmf-secure` has Microsoft's keys and enforces them. */
export type FirmwareKind = 'ovmf' | 'ovmf-secure' | 'seabios'
/** What the controller's virtual drives look like from inside. */
export type DriveBus = 'sata' | 'usb'

/** One machine as QEMU is to make it. */
export interface MachineSpec {
  /** Of `artifacts.ts`. */
  readonly qemu: string
  /** Its own: disk, variables of the firmware, sockets, serial log. */
  readonly folder: string
  readonly serial: string
  readonly uuid: string
  readonly firmware: FirmwareKind
  readonly bus: DriveBus
  readonly memoryMiB: number
  readonly diskBytes: number
  /** Value of `-nic`; each once. */
  readonly nics: readonly string[]
  /** What stands before QEMU: a network namespace, a limit. */
  readonly before?: readonly string[]
}

/** What one boot has that another has not. */
export interface BootExtras {
  /** Credentials for the systemd of whatever boots, by name: drop-ins of units, for one. */
  readonly credentials: Readonly<Record<string, string>>
}

/** Behind every drive that is ordered first. */
const DISK_BOOT_INDEX = 50
/** Stands before a command: whoever kills us, nothing is left running. */
export const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL']

/** Of the disk, in the machine. */
export const DISK_SERIAL = 'E2EDISK0001'

/** Name of the first network card, where `nics` gives it one. */
export const NIC = 'nic'

/** File names in a machine's folder. */
export const diskFile = (folder: string) => join(folder, 'disk.raw')
export const varsFile = (folder: string) => join(folder, 'vars.fd')
export const serialFile = (folder: string) => join(folder, 'serial.log')
export const controlSocket = (folder: string) => join(folder, 'qmp')
export const mediumSocket = (folder: string, place: number) => join(folder, `medium-${place}`)

const FIRMWARE = {
  ovmf: { code: 'OVMF_CODE_4M.fd', vars: 'OVMF_VARS_4M.fd' },
  'ovmf-secure': { code: 'OVMF_CODE_4M.secboot.fd', vars: 'OVMF_VARS_4M.ms.fd' },
  seabios: undefined,
} as const

/** The firmware's variables as they come from the factory; undefined where it keeps none. */
export function factoryVars({ qemu, firmware }: MachineSpec): string | undefined {
  const files = FIRMWARE[firmware]
  return files && join(qemu, 'usr/share/OVMF', files.vars)
}

/** A drive for optical discs is always there; a stick appears when an image is put in. */
export const isStick = ({ mediaTypes }: HardwareDrive) =>
  !mediaTypes.some((type) => type === 'CD' || type === 'DVD')

/** QEMU by the loader and the libraries that it was built for, whatever the host has. */
export const qemuCommand = (qemu: string) => [
  join(qemu, 'usr/lib64/ld-linux-x86-64.so.2'),
  ...['--library-path', join(qemu, 'usr/lib/x86_64-linux-gnu')],
  join(qemu, 'usr/bin/qemu-system-x86_64'),
  ...['-L', join(qemu, 'usr/share/qemu'), '-L', join(qemu, 'usr/share/seabios')],
]

/** The whole command. The machine stops before its first instruction, its optical drives empty. */
export function machineCommand(spec: MachineSpec, extras: BootExtras): readonly string[] {
  const { bus, firmware, folder, memoryMiB, nics, before = [] } = spec
  const secure = firmware === 'ovmf-secure'
  return [
    ...DIES_WITH_US,
    ...before,
    ...qemuCommand(spec.qemu),
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-S', '-no-shutdown'],
    // Never KVM: it is there on some hosts and unusable.
    ...['-machine', secure ? 'q35,smm=on' : 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max'],
    ...(secure ? ['-global', 'driver=cfi.pflash01,property=secure,value=on'] : []),
    ...['-smp', '2', '-m', String(memoryMiB)],
    ...['-chardev', `file,id=console,path=${serialFile(folder)},append=on`],
    ...['-serial', 'chardev:console', '-qmp', `unix:${controlSocket(folder)},server=on,wait=off`],
    ...firmwareFlags(spec),
    ...[
      '-smbios',
      `type=1,manufacturer=Slipway,product=e2e,serial=${spec.serial},uuid=${spec.uuid}`,
    ],
    ...Object.entries(extras.credentials).flatMap(([name, text]) => [
      '-smbios',
      `type=11,value=io.systemd.credential.binary:${name}=${btoa(text)}`,
    ]),
    ...['-device', 'qemu-xhci,id=xhci'],
    ...OPTICAL_PLACES.flatMap((place) => opticalDrive(bus, place)),
    ...[
      '-blockdev',
      `driver=raw,node-name=disk,discard=unmap,file.driver=file,file.filename=${diskFile(folder)},cache.no-flush=on,file.cache.no-flush=on`,
    ],
    ...['-device', `virtio-blk-pci,drive=disk,serial=${DISK_SERIAL},bootindex=${DISK_BOOT_INDEX}`],
    ...nics.flatMap((nic) => ['-nic', nic]),
    ...['-device', 'virtio-rng-pci'],
  ]
}

function firmwareFlags({ qemu, firmware, folder }: MachineSpec): readonly string[] {
  const files = FIRMWARE[firmware]
  if (!files) return []
  const code = join(qemu, 'usr/share/OVMF', files.code)
  return [
    ...['-drive', `if=pflash,format=raw,readonly=on,file=${code}`],
    ...['-drive', `if=pflash,format=raw,file=${varsFile(folder)}`],
  ]
}

/** Optical drives of the machine; a controller never fills more at a time. */
export const OPTICAL_PLACES = [0, 1] as const

function opticalDrive(bus: DriveBus, place: number): readonly string[] {
  if (bus === 'sata') return ['-device', `ide-cd,bus=ide.${place},id=drive-${place}`]
  return [
    ...['-device', `usb-bot,id=bridge-${place},bus=xhci.0`],
    ...['-device', `scsi-cd,bus=bridge-${place}.0,id=drive-${place}`],
  ]
}
