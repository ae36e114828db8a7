// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { copyFile, lstat, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MINUTE } from '../../core/units.ts'
import { at } from '../dispatcher/machine-os.ts'
import { firmwareOf, kernelsOf, programOf, volumesOf } from './boot-facts.ts'
import {
  fstab,
  grubConfig,
  type Kernel,
  kernelCommandLine,
  loaderEntry,
  type Volume,
} from './boot-files.ts'
import { isDiskImage } from './disk-image.ts'
import { stepFaults } from './faults.ts'
import { assertInside } from './inside.ts'
import { withNewRoot } from './mounts.ts'
import { planOf } from './partition.ts'
import { kindOfPlanned, type PlannedPartition } from './partition-plan.ts'
import { attempt, must, type Step, type StepContext } from './step.ts'

/** Building an initramfs on a slow machine. */
const INITRAMFS_LIMIT_MS = 15 * MINUTE
/** Where the EFI system partition is when the layout gives it no place (contract 1.6). */
const EFI = '/mnt/efi'
const EFI_VARIABLES = '/sys/firmware/efi/efivars'
/** How our entry is called in the firmware's list. */
const LABEL = 'slipway'

/** Folders of the new system that are written to. */
const WRITTEN = [
  ...['etc/ssh', 'etc/default/grub.d', 'etc/kernel', 'boot/grub', 'var/lib/dbus'],
  ...['dev', 'proc', 'sys'],
]

/** Makes what was unpacked a system that starts by itself, as nobody but itself. */
export const bootloaderLinux: Step = {
  async plan(context) {
    const { partitions } = planOf(context)
    const has = (kind: string) => partitions.some((each) => kindOfPlanned(each) === kind)
    return [
      'write /etc/fstab; empty /etc/machine-id; replace SSH host keys',
      'build an initramfs where a kernel has none',
      ...(has('efi') ? ['install a boot loader for UEFI, and its entry in the firmware'] : []),
      ...(has('bios-boot') ? [`install GRUB for BIOS on ${context.disk.path}`] : []),
    ]
  },
  async apply(context) {
    if (await isDiskImage(context)) {
      context.log('the image is that of a whole disk and brings its boot loader: nothing to do')
      return
    }
    const volumes = await volumesOf(context)
    await withNewRoot(context, async (root) => {
      for (const folder of WRITTEN) await assertInside(root, folder)
      await makeOwn(context, root, volumes)
      const kernels = await withInitramfs(context, root)
      await installLoader({ context, root, volumes, kernels })
    })
    await addFirmwareEntry(context)
  },
}

interface Installing {
  readonly context: StepContext
  readonly root: string
  readonly volumes: readonly Volume[]
  readonly kernels: readonly Kernel[]
}

/** Nothing of the image may be on two machines: identity, keys. */
async function makeOwn(context: StepContext, root: string, volumes: readonly Volume[]) {
  const { log } = context
  const etc = join(root, 'etc')
  if (!existsSync(etc)) throw stepFaults.image('the image has no /etc: it is no root file system')
  await writeNew(join(etc, 'fstab'), fstab(volumes))
  // Empty, and not away: systemd makes a new one, and read-only systems can have it laid over.
  await writeNew(join(etc, 'machine-id'), '')
  const dbus = join(root, 'var/lib/dbus/machine-id')
  if ((await lstat(dbus).catch(() => undefined))?.isFile()) await rm(dbus)
  await newHostKeys(context, root)
  log('wrote /etc/fstab, emptied /etc/machine-id')
}

/** cloud-init makes them at the first start; where there is none we do. */
async function newHostKeys(context: StepContext, root: string): Promise<void> {
  const folder = join(root, 'etc/ssh')
  const names = await readdir(folder).catch((): string[] => [])
  const old = names.filter((name) => /^ssh_host_.*_key(\.pub)?$/.test(name))
  for (const name of old) await rm(join(folder, name))
  const keygen = programOf(root, 'ssh-keygen')
  if (old.length === 0 || programOf(root, 'cloud-init') || !keygen) return
  await must(context, ['chroot', root, keygen, '-A'])
}

/** Never through a link of the image to somewhere else. */
async function writeNew(path: string, text: string): Promise<void> {
  const temporary = `${path}.slipway`
  await rm(temporary, { force: true })
  await writeFile(temporary, text, { mode: 0o644 })
  await rename(temporary, path)
}

/** Programs of the new system need the kernel's own folders. */
async function withKernelFolders(context: StepContext, root: string): Promise<void> {
  for (const folder of ['dev', 'proc', 'sys']) {
    const place = join(root, folder)
    if (!existsSync(place)) await mkdir(place)
    const mounted = await attempt(context, ['mountpoint', '--quiet', place])
    if (mounted.code !== 0) await must(context, ['mount', '--bind', `/${folder}`, place])
  }
}

/** Builds what is missing by the image's own tool. The kernels, each with what it starts with. */
async function withInitramfs(context: StepContext, root: string): Promise<readonly Kernel[]> {
  const kernels = await kernelsOf(root)
  if (kernels.length === 0) {
    throw stepFaults.image(
      'the image has no kernel, neither /boot/vmlinuz-… nor /usr/lib/modules/…/vmlinuz: it can not start by itself',
    )
  }
  const bare = kernels.filter(({ initrd }) => initrd === undefined)
  if (bare.length === 0) return kernels
  const debian = programOf(root, 'update-initramfs')
  const dracut = programOf(root, 'dracut')
  if (!debian && !dracut) {
    context.log(`no initramfs for ${bare[0]?.version}, and no tool to build one: starting without`)
    return kernels
  }
  await withKernelFolders(context, root)
  for (const { version } of bare) {
    const build = debian
      ? [debian, '-c', '-k', version]
      : [dracut ?? '', '--force', '--no-hostonly', `/boot/initramfs-${version}.img`, version]
    await must(context, ['chroot', root, ...build], { timeoutMs: INITRAMFS_LIMIT_MS })
  }
  return await kernelsOf(root)
}

async function installLoader(installing: Installing): Promise<void> {
  const { context, root } = installing
  const { partitions } = planOf(context)
  const efi = partitions.find((each) => kindOfPlanned(each) === 'efi')
  const bios = partitions.some((each) => kindOfPlanned(each) === 'bios-boot')
  const { systemdBoot } = firmwareOf()
  const systemd = join(root, 'usr/lib/systemd/boot/efi', systemdBoot)
  const hasGrub = programOf(root, 'grub-mkconfig', 'grub2-mkconfig') !== undefined
  const bySystemd = efi !== undefined && !bios && !hasGrub && existsSync(systemd)
  if (efi && bySystemd) {
    await onEfi(context, efi, (folder) => installSystemdBoot(installing, folder, systemd))
    return
  }
  if (efi) await onEfi(context, efi, (folder) => installGrubEfi(context, root, folder))
  if (bios) await installGrubBios(context, root)
  if (efi || bios) await writeGrubConfig(installing)
  else
    context.log('the layout has no EFI system or BIOS boot partition: no boot loader is installed')
}

/** The folder of the EFI system partition: where the layout has it, else mounted for the moment. */
async function onEfi(
  context: StepContext,
  { path, layout }: PlannedPartition,
  work: (folder: string) => Promise<void>,
): Promise<void> {
  const { os } = context
  if (layout.mountpoint !== undefined) {
    await work(at(os, join(context.newRoot, layout.mountpoint)))
    return
  }
  await mkdir(at(os, EFI), { recursive: true })
  await must(context, ['mount', path, EFI])
  try {
    await work(at(os, EFI))
  } finally {
    await must(context, ['umount', EFI])
  }
}

/** On the path that firmware starts without being told; the entry of its own comes later. */
async function installGrubEfi(context: StepContext, root: string, folder: string): Promise<void> {
  await must(context, [
    ...['grub-install', `--target=${firmwareOf().grubTarget}`, '--removable', '--no-nvram'],
    ...[`--efi-directory=${folder}`, `--boot-directory=${join(root, 'boot')}`],
  ])
}

/** The map keeps GRUB from looking through every drive of the machine; the system must not keep it. */
async function installGrubBios(context: StepContext, root: string): Promise<void> {
  const boot = join(root, 'boot')
  const { path } = context.disk
  const map = join(boot, 'grub/device.map')
  await mkdir(dirname(map), { recursive: true })
  await writeNew(map, `(hd0) ${path}\n`)
  try {
    await must(context, ['grub-install', '--target=i386-pc', `--boot-directory=${boot}`, path])
  } finally {
    await rm(map, { force: true })
  }
}

/** Ours always, so that there is one; the system's own in its place when it can write it. */
async function writeGrubConfig({ context, root, volumes, kernels }: Installing): Promise<void> {
  const { log, recipe } = context
  const line = kernelCommandLine(volumes, recipe.env?.['KERNEL_CMDLINE'] ?? '')
  const config = join(root, 'boot/grub/grub.cfg')
  await mkdir(dirname(config), { recursive: true })
  await writeNew(config, grubConfig(kernels, volumes, line))
  const make = programOf(root, 'grub-mkconfig')
  if (!make) return
  await mkdir(join(root, 'etc/default/grub.d'), { recursive: true })
  const own = line.split(' ').slice(2).join(' ')
  const settings = `GRUB_CMDLINE_LINUX="${own}"\nGRUB_TERMINAL="console serial"\n`
  await writeNew(join(root, 'etc/default/grub.d/50-slipway.cfg'), settings)
  await withKernelFolders(context, root)
  const output = '/boot/grub/grub.cfg.made'
  const { code } = await attempt(context, ['chroot', root, make, '-o', output])
  if (code === 0) await rename(join(root, output), config)
  else {
    await rm(join(root, output), { force: true })
    log('the menu that we wrote stays: the system could not write its own')
  }
}

async function installSystemdBoot(
  { context, root, volumes, kernels }: Installing,
  folder: string,
  program: string,
): Promise<void> {
  const line = kernelCommandLine(volumes, context.recipe.env?.['KERNEL_CMDLINE'] ?? '')
  const copy = async (from: string, to: string) => {
    await mkdir(dirname(join(folder, to)), { recursive: true })
    await copyFile(from, join(folder, to))
  }
  await copy(program, `EFI/BOOT/${firmwareOf().fallback}`)
  await copy(program, `EFI/systemd/${firmwareOf().systemdBoot}`)
  for (const kernel of kernels) {
    await copy(join(root, kernel.image), `slipway/${kernel.version}/linux`)
    if (kernel.initrd) await copy(join(root, kernel.initrd), `slipway/${kernel.version}/initrd`)
    const entry = join(folder, 'loader/entries', `slipway-${kernel.version}.conf`)
    await mkdir(dirname(entry), { recursive: true })
    await writeFile(entry, loaderEntry(kernel, line))
  }
  await writeFile(join(folder, 'loader/loader.conf'), 'timeout 3\n')
  // What kernel-install of the system writes from now on.
  await mkdir(join(root, 'etc/kernel'), { recursive: true })
  await writeNew(join(root, 'etc/kernel/cmdline'), `${line}\n`)
}

/** Where the firmware keeps variables. It starts the fallback path without it, so a refusal is only told. */
async function addFirmwareEntry(context: StepContext): Promise<void> {
  const { os, disk, log } = context
  const efi = planOf(context).partitions.find((each) => kindOfPlanned(each) === 'efi')
  if (!efi || !existsSync(at(os, EFI_VARIABLES))) return
  // In the tool's container /sys is mounted anew, without the file system that the OS has here.
  if ((await readdir(at(os, EFI_VARIABLES))).length === 0) {
    await attempt(context, ['mount', '-t', 'efivarfs', 'efivarfs', EFI_VARIABLES])
  }
  const { code, stdout } = await attempt(context, ['efibootmgr'])
  const old = [...stdout.matchAll(/^Boot([0-9A-F]{4})\*? (.+?)(\t|$)/gm)]
  const ours = code === 0 ? old.filter(([, , label]) => label === LABEL) : []
  for (const [, number = ''] of ours) {
    await attempt(context, ['efibootmgr', '--quiet', '--bootnum', number, '--delete-bootnum'])
  }
  const added = await attempt(context, [
    ...['efibootmgr', '--quiet', '--create', '--disk', disk.path, '--part', String(efi.number)],
    ...['--label', LABEL, '--loader', `\\EFI\\BOOT\\${firmwareOf().fallback}`],
  ])
  if (added.code !== 0) log('the firmware took no entry: it will start the fallback path')
}
