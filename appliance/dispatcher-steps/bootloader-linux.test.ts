// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { MiB } from '../../core/units.ts'
import { type Ran, thisMachine } from '../dispatcher/machine-os.ts'
import { bootloaderLinux } from './bootloader-linux.ts'
import { partition } from './partition.ts'
import { host, loopDisk, testStep } from './test-bed.ts'

const sh = (script: string) => host('sh', '-euc', script)

/** What a small Debian has that matters here. */
const SYSTEM = `mkdir -p boot etc/ssh usr/lib/modules/6.9.1 usr/bin var/lib/dbus dev proc sys
  echo kernel > boot/vmlinuz-6.9.1; echo initrd > boot/initrd.img-6.9.1
  echo kernel > boot/vmlinuz-6.12.10; echo initrd > boot/initrd.img-6.12.10
  echo secret > etc/ssh/ssh_host_rsa_key; echo public > etc/ssh/ssh_host_rsa_key.pub
  echo keep > etc/ssh/sshd_config; echo 0123 > etc/machine-id; echo 0123 > var/lib/dbus/machine-id
  touch usr/bin/cloud-init`

/**
 * GRUB asks the kernel where a partition begins (HDIO_GETGEO), and udev when that does not know, as
 * with loop devices; here is no udev. This one says where in sysfs a device is, and nothing else.
 */
async function withUdev<T>(work: () => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-udev-'))
  const script = `#!/bin/sh
for last; do :; done
readlink -f /sys/class/block/$(basename $last) | sed 's,^/sys,,'
`
  await writeFile(join(folder, 'udevadm'), script, { mode: 0o755 })
  const before = process.env['PATH']
  process.env['PATH'] = `${folder}:${before}`
  try {
    return await work()
  } finally {
    process.env['PATH'] = before
    await rm(folder, { recursive: true })
  }
}

test('a system on a disk for BIOS gets GRUB, its menu, and an identity of its own', async () => {
  await using disk = await loopDisk(300 * MiB)
  const layout = [
    { size: '1M', type_guid: 'ef02' },
    { size: '60M', format: 'ext4', mountpoint: '/boot' },
    { size: '16M', format: 'swap' },
    { size: '100%', format: 'ext4', mountpoint: '/' },
  ]
  await using step = await testStep(
    { path: disk.path, sizeBytes: 300 * MiB },
    { partition_layout: layout, env: { KERNEL_CMDLINE: 'nosplash' } },
  )
  await partition.apply(step.context)
  const root = await mkdtemp(join(tmpdir(), 'slipway-system-'))
  const mounted = async <T>(work: () => Promise<T>) => {
    await host('mount', `${disk.path}p4`, root)
    await mkdir(join(root, 'boot'), { recursive: true })
    await host('mount', `${disk.path}p2`, join(root, 'boot'))
    try {
      return await work()
    } finally {
      await host('umount', '--recursive', root)
    }
  }
  try {
    await mounted(() => sh(`cd ${root}; ${SYSTEM}`))
    await withUdev(() => bootloaderLinux.apply(step.context))
    await mounted(async () => {
      const uuid = (number: number) =>
        host(
          'blkid',
          '--probe',
          '--output',
          'value',
          '--match-tag',
          'UUID',
          `${disk.path}p${number}`,
        )
      expect(
        (await readFile(join(root, 'etc/fstab'), 'utf8')).trimEnd().split('\n').slice(1),
      ).toEqual([
        `UUID=${await uuid(4)} / ext4 errors=remount-ro 0 1`,
        `UUID=${await uuid(2)} /boot ext4 errors=remount-ro 0 2`,
        `UUID=${await uuid(3)} none swap sw 0 0`,
      ])
      await host('findmnt', '--tab-file', join(root, 'etc/fstab'), '--fstab')
      expect((await stat(join(root, 'etc/machine-id'))).size).toBe(0)
      expect(await readdir(join(root, 'var/lib/dbus'))).toEqual([])
      expect(await readdir(join(root, 'etc/ssh'))).toEqual(['sshd_config'])
      const config = join(root, 'boot/grub/grub.cfg')
      await host('grub-script-check', config)
      const menu = await readFile(config, 'utf8')
      expect(menu.match(/menuentry '(.*)'/g)).toEqual([
        "menuentry 'Linux 6.12.10'",
        "menuentry 'Linux 6.9.1'",
      ])
      expect(menu).toContain(`search --no-floppy --fs-uuid --set=root ${await uuid(2)}`)
      expect(menu).toContain(
        `linux /vmlinuz-6.12.10 root=UUID=${await uuid(4)} ro console=ttyS0,115200 console=tty0 nosplash`,
      )
      expect(menu).toContain('initrd /initrd.img-6.12.10')
      expect(await readdir(join(root, 'boot/grub/i386-pc'))).toContain('core.img')
    })
    // GRUB is in the boot sector, and its core where the table has a place for it.
    expect(await sh(`dd if=${disk.path} bs=512 count=1 2>/dev/null | grep -ac GRUB`)).toBe('1')
    expect(await sh(`head -c 65536 ${disk.path}p1 | tr -d '\\0' | wc -c`)).not.toBe('0')
  } finally {
    await rm(root, { recursive: true })
  }
}, 60_000)

const EFI_LAYOUT = [
  { size: '300M', type_guid: 'ef00', format: 'vfat', mountpoint: '/boot/efi' },
  { size: '100%', format: 'ext4', mountpoint: '/' },
]

interface Playing {
  readonly layout?: readonly object[]
  readonly files: Readonly<Record<string, string>>
  readonly answers?: Readonly<Record<string, Ran>>
  /** Names in the firmware's file system. */
  readonly variables?: readonly string[]
}

/** The step over a folder, with programs that only say what they were asked: a kernel without vfat. */
async function play({ layout = EFI_LAYOUT, files, answers = {}, variables = [] }: Playing) {
  const root = await mkdtemp(join(tmpdir(), 'slipway-play-'))
  try {
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, 'mnt/new-root', path)), { recursive: true })
      await writeFile(join(root, 'mnt/new-root', path), text)
    }
    const firmware = join(root, 'sys/firmware/efi/efivars')
    await mkdir(firmware, { recursive: true })
    for (const name of variables) await writeFile(join(firmware, name), '')
    const disk = { path: '/dev/sda', sizeBytes: 4_096 * MiB }
    await using step = await testStep(disk, { partition_layout: layout })
    const ran: string[] = []
    const os = {
      ...thisMachine(),
      root,
      run: async (command: readonly string[]) => {
        const line = command.join(' ').replaceAll(root, '')
        if (command[0] === 'blkid') return { code: 0, stdout: `UUID-${line.at(-1)}\n`, stderr: '' }
        ran.push(line)
        const [, answer] = Object.entries(answers).find(([words]) => line.startsWith(words)) ?? []
        return answer ?? { code: 0, stdout: '', stderr: '' }
      },
    }
    await bootloaderLinux.apply({ ...step.context, os, newRoot: '/mnt/new-root' })
    const made = async (path: string) =>
      await readFile(join(root, 'mnt/new-root', path), 'utf8').catch(() => undefined)
    const paths = [
      'etc/fstab',
      'boot/grub/grub.cfg',
      'etc/default/grub.d/50-slipway.cfg',
      'etc/kernel/cmdline',
      'boot/efi/loader/entries/slipway-6.12.conf',
      'boot/efi/EFI/BOOT/BOOTX64.EFI',
    ]
    const texts = Object.fromEntries(
      await Promise.all(paths.map(async (path) => [path, await made(path)])),
    )
    return { ran, texts }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const BASE = { 'etc/hostname': 'x', 'boot/vmlinuz-6.12': 'k', 'boot/initrd.img-6.12': 'i' }

test('for UEFI GRUB goes on the path that firmware starts unasked, and into its list once', async () => {
  const list = 'BootCurrent: 0001\nBoot0001* UEFI CD\tPciRoot\nBoot0007* slipway\tHD(1)\n'
  const { ran } = await play({
    files: BASE,
    answers: { efibootmgr: { code: 0, stdout: list, stderr: '' } },
  })
  expect(ran).toEqual([
    'mount /dev/sda2 /mnt/new-root',
    'mount /dev/sda1 /mnt/new-root/boot/efi',
    'grub-install --target=x86_64-efi --removable --no-nvram --efi-directory=/mnt/new-root/boot/efi --boot-directory=/mnt/new-root/boot',
    'umount --recursive /mnt/new-root',
    // Empty, as a container finds it.
    'mount -t efivarfs efivarfs /sys/firmware/efi/efivars',
    'efibootmgr',
    'efibootmgr --quiet --bootnum 0007 --delete-bootnum',
    'efibootmgr --quiet --create --disk /dev/sda --part 1 --label slipway --loader \\EFI\\BOOT\\BOOTX64.EFI',
  ])
})

test('variables that are there already are not mounted over', async () => {
  const { ran } = await play({ files: BASE, variables: ['BootOrder-8be4df61'] })
  expect(ran.filter((line) => line.includes('efivarfs'))).toEqual([])
  expect(ran.at(-1)).toContain('--create')
})

test('firmware that takes no entry is no failure', async () => {
  const refuses = { code: 1, stdout: '', stderr: 'Could not prepare Boot variable' }
  const { ran } = await play({ files: BASE, answers: { 'efibootmgr --quiet --create': refuses } })
  expect(ran.at(-1)).toContain('--create')
})

test('an EFI system partition without a place is mounted for the moment', async () => {
  const [efi, ...others] = EFI_LAYOUT
  const layout = [{ ...efi, mountpoint: undefined }, ...others]
  const { ran } = await play({ layout: JSON.parse(JSON.stringify(layout)), files: BASE })
  expect(ran.slice(1, 4)).toEqual([
    'mount /dev/sda1 /mnt/efi',
    'grub-install --target=x86_64-efi --removable --no-nvram --efi-directory=/mnt/efi --boot-directory=/mnt/new-root/boot',
    'umount /mnt/efi',
  ])
})

test('a system with systemd-boot and no GRUB gets that', async () => {
  const { ran, texts } = await play({
    files: { ...BASE, 'usr/lib/systemd/boot/efi/systemd-bootx64.efi': 'program' },
  })
  expect(ran.filter((line) => line.startsWith('grub'))).toEqual([])
  expect(texts['boot/efi/EFI/BOOT/BOOTX64.EFI']).toBe('program')
  expect(texts['boot/efi/loader/entries/slipway-6.12.conf']).toBe(
    'title Linux 6.12\nversion 6.12\nlinux /slipway/6.12/linux\ninitrd /slipway/6.12/initrd\noptions root=UUID=UUID-2 ro console=ttyS0,115200 console=tty0\n',
  )
  expect(texts['etc/kernel/cmdline']).toContain('root=UUID=UUID-2 ro')
})

test('a system that can write its own menu does; ours stays when it can not', async () => {
  const files = { ...BASE, 'usr/sbin/grub-mkconfig': '' }
  const fails = { code: 1, stdout: '', stderr: 'no' }
  const { ran, texts } = await play({ files, answers: { chroot: fails } })
  expect(ran).toContain('chroot /mnt/new-root /usr/sbin/grub-mkconfig -o /boot/grub/grub.cfg.made')
  expect(texts['boot/grub/grub.cfg']).toContain("menuentry 'Linux 6.12'")
  expect(texts['etc/default/grub.d/50-slipway.cfg']).toBe(
    'GRUB_CMDLINE_LINUX="console=ttyS0,115200 console=tty0"\nGRUB_TERMINAL="console serial"\n',
  )
})

test.each([
  ['update-initramfs', 'chroot /mnt/new-root /usr/sbin/update-initramfs -c -k 6.12'],
  [
    'dracut',
    'chroot /mnt/new-root /usr/sbin/dracut --force --no-hostonly /boot/initramfs-6.12.img 6.12',
  ],
])('a kernel without an initramfs gets one by the system’s own %s', async (tool, command) => {
  const files = { 'etc/hostname': 'x', 'boot/vmlinuz-6.12': 'k', [`usr/sbin/${tool}`]: '' }
  const { ran } = await play({ files })
  expect(ran).toContain(command)
  const { ran: none } = await play({ files: { ...BASE, [`usr/sbin/${tool}`]: '' } })
  expect(none).not.toContain(command)
})

test('host keys are made anew where no cloud-init does it', async () => {
  const files = { ...BASE, 'etc/ssh/ssh_host_ed25519_key': 's', 'usr/bin/ssh-keygen': '' }
  const keygen = 'chroot /mnt/new-root /usr/bin/ssh-keygen -A'
  expect((await play({ files })).ran).toContain(keygen)
  const cloud = { ...files, 'usr/bin/cloud-init': '' }
  expect((await play({ files: cloud })).ran).not.toContain(keygen)
})

test.each([
  ['no kernel', { 'etc/hostname': 'x' }, 'has no kernel'],
  ['no /etc', { 'boot/vmlinuz-6.12': 'k' }, 'no root file system'],
])('an image with %s is told as that', async (_name, files, words) => {
  await expect(play({ files: files as never })).rejects.toThrow(words)
})

test('a boot loader that can not be installed ends the step with its words', async () => {
  const fails = {
    code: 1,
    stdout: '',
    stderr: "grub-install: error: doesn't look like an EFI partition.",
  }
  await expect(play({ files: BASE, answers: { 'grub-install': fails } })).rejects.toThrow(
    "doesn't look like an EFI partition",
  )
})
