// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Glob } from 'bun'
import { BOUND_STORE } from './bound-store.ts'
import { BuildProblem, run, say, sources } from './maintenance-parts.ts'

/** Names the medium to GRUB and to dracut; 16 characters at most, as Joliet has it. */
const LABEL = 'SLIPWAY_LIVE'

export interface LiveIso {
  /** Root of the OS, mounted. */
  readonly os: string
  /** Additional image store, to stand at `BOUND_STORE`. */
  readonly store: string
  /** Unix seconds that every time on the medium becomes. */
  readonly epoch: number
  /** Further files of the medium, by path. */
  readonly files: ReadonlyMap<string, string>
  readonly work: string
}

/** The kernel's version, after what bootc asks of an image: the same checks where it can not be had. */
export async function lintOs(os: string): Promise<string> {
  const kernels = await readdir(join(os, 'usr/lib/modules'))
  const [kernel] = kernels
  const wrong = [
    kernels.length !== 1 && `there must be one kernel in /usr/lib/modules, not ${kernels.length}`,
    ...['vmlinuz', 'initramfs.img'].map(
      (file) =>
        !existsSync(join(os, `usr/lib/modules/${kernel}`, file)) && `the kernel has no ${file}`,
    ),
    ...(await Promise.all(
      ['boot', 'var/log', 'var/cache'].map(
        async (folder) =>
          (await readdir(join(os, folder))).length > 0 && `/${folder} must be empty`,
      ),
    )),
    (await readFile(join(os, 'etc/machine-id'), 'utf8')) !== '' && '/etc/machine-id must be empty',
    !existsSync(join(os, 'usr/bin/slipway')) && '/usr/bin/slipway is missing',
  ].filter((each) => each !== false)
  if (wrong.length > 0 || kernel === undefined)
    throw new BuildProblem(`the OS image is no bootc image: ${wrong.join('; ')}`)
  return kernel
}

const EARLY = `search --no-floppy --set=root --label ${LABEL}\nset prefix=($root)/boot/grub\nconfigfile ($root)/boot/grub/grub.cfg\n`
const COMMON = [
  'normal',
  'linux',
  'configfile',
  'search',
  'search_label',
  'serial',
  'terminal',
  'echo',
]

/** GRUB for BIOS as an El Torito image. */
async function biosImage(path: string, work: string): Promise<void> {
  const early = join(work, 'early.cfg')
  await writeFile(early, EARLY)
  const modules = ['biosdisk', 'iso9660', ...COMMON]
  const flags = ['-O', 'i386-pc-eltorito', '-p', '/boot/grub', '-c', early]
  await run(['grub-mkimage', ...flags, '-o', path, ...modules])
}

/** Files of the EFI system partition: shim and the signed GRUB where the base has them, else our own GRUB. */
async function efiFiles(os: string, work: string): Promise<ReadonlyMap<string, string>> {
  const shim = await first(os, ['usr/lib/shim/shimx64.efi.signed', 'boot/efi/EFI/*/shimx64.efi'])
  const grub = await first(os, [
    'usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed',
    'boot/efi/EFI/*/gcdx64.efi',
  ])
  const manager = await first(os, ['usr/lib/shim/mmx64.efi.signed', 'usr/lib/shim/mmx64.efi'])
  if (shim && grub) {
    return new Map([
      ['BOOTX64.EFI', shim],
      ['GRUBX64.EFI', grub],
      ...(manager ? [['MMX64.EFI', manager] as const] : []),
    ])
  }
  say('the base has no signed shim and GRUB: this medium boots without Secure Boot only')
  const early = join(work, 'early.cfg')
  const own = join(work, 'bootx64.efi')
  const modules = ['part_gpt', 'part_msdos', 'fat', 'iso9660', ...COMMON]
  const flags = ['-O', 'x86_64-efi', '-p', '/boot/grub', '-c', early]
  await run(['grub-mkimage', ...flags, '-o', own, ...modules])
  return new Map([['BOOTX64.EFI', own]])
}

async function first(os: string, patterns: readonly string[]): Promise<string | undefined> {
  for (const pattern of patterns) {
    for await (const path of new Glob(pattern).scan({ cwd: os, dot: true })) return join(os, path)
  }
  return undefined
}

/** A FAT image of just the size, the same bytes each time. */
async function fatImage(
  path: string,
  files: ReadonlyMap<string, string>,
  { work, epoch }: LiveIso,
): Promise<void> {
  const folder = join(work, 'efi')
  await mkdir(join(folder, 'EFI/BOOT'), { recursive: true })
  let bytes = 0
  for (const [name, from] of files) {
    await copyFile(from, join(folder, 'EFI/BOOT', name))
    bytes += Bun.file(from).size
  }
  for (const each of ['EFI', 'EFI/BOOT', ...[...files.keys()].map((name) => `EFI/BOOT/${name}`)]) {
    await utimes(join(folder, each), epoch, epoch)
  }
  const kibibytes = Math.ceil(bytes / 1_024 / 64) * 64 + 512
  const env = { SOURCE_DATE_EPOCH: String(epoch), MTOOLS_SKIP_CHECK: '1' }
  const format = ['-F', '12', '-i', '51057A11', '-n', 'SLIPWAY_EFI', '--invariant', '-C', path]
  await run(['mkfs.vfat', ...format, String(kibibytes)])
  await run(['mcopy', '-s', '-m', '-i', path, join(folder, 'EFI'), '::/'], { env })
}

/** The medium's tree: kernel, initramfs, root file system, boot loaders, what we add. */
async function stage(iso: LiveIso): Promise<string> {
  const { os, store, epoch, work, files } = iso
  const kernel = await lintOs(os)
  const tree = join(work, 'tree')
  const place = async (path: string, from: string) => {
    await mkdir(dirname(join(tree, path)), { recursive: true })
    await copyFile(from, join(tree, path))
    await chmod(join(tree, path), 0o644)
  }
  const modules = `usr/lib/modules/${kernel}`
  await place('images/pxeboot/vmlinuz', join(os, modules, 'vmlinuz'))
  await place('images/pxeboot/initrd.img', join(os, modules, 'initramfs.img'))
  const menu = (await readFile(join(sources, 'grub.cfg'), 'utf8')).replaceAll('@LABEL@', LABEL)
  await mkdir(join(tree, 'boot/grub'), { recursive: true })
  await writeFile(join(tree, 'boot/grub/grub.cfg'), menu)
  // By this file Debian's signed GRUB knows the medium it came from.
  await mkdir(join(tree, '.disk'), { recursive: true })
  await writeFile(join(tree, '.disk/info'), `${LABEL}\n`)
  await biosImage(join(tree, 'boot/grub/bios.img'), work)
  await fatImage(join(tree, 'boot/grub/efi.img'), await efiFiles(os, work), iso)
  for (const [path, text] of files) await writeFile(join(tree, path), text)
  say('squashfs of the root file system')
  await mkdir(join(tree, 'LiveOS'), { recursive: true })
  await bindStore(os, store, () => squash(os, join(tree, 'LiveOS/squashfs.img'), epoch, modules))
  return tree
}

/** Lays the store where the OS expects it, for as long as `work` takes. */
async function bindStore(os: string, store: string, work: () => Promise<void>): Promise<void> {
  const place = join(os, BOUND_STORE)
  await mkdir(place, { recursive: true })
  await run(['mount', '--bind', store, place])
  try {
    await work()
  } finally {
    await run(['umount', place])
  }
}

async function squash(os: string, path: string, epoch: number, modules: string): Promise<void> {
  const without = ['boot/*', `${modules}/initramfs.img`, `${modules}/vmlinuz`, 'tmp/*', 'run/*']
  const times = ['-mkfs-time', String(epoch), '-all-time', String(epoch)]
  // zstd 3: 249 MB in 1.6 s, where 15 gives 229 MB in 23 s.
  const pack = ['-comp', 'zstd', '-Xcompression-level', '3', '-b', '128K', '-noappend']
  await run(['mksquashfs', os, path, ...pack, ...times, '-wildcards', '-e', ...without])
}

/** Writes a hybrid live medium for UEFI and BIOS, as a drive and as a disk. The same inputs, the same bytes. */
export async function writeLiveIso(path: string, iso: LiveIso): Promise<void> {
  const tree = await stage(iso)
  say('the ISO')
  const bios = ['-b', 'boot/grub/bios.img', '-no-emul-boot', '-boot-load-size', '4']
  const biosMore = ['-boot-info-table', '--grub2-boot-info']
  const efi = ['-eltorito-alt-boot', '-e', 'boot/grub/efi.img', '-no-emul-boot']
  const disk = ['--grub2-mbr', '/usr/lib/grub/i386-pc/boot_hybrid.img', '-partition_offset', '16']
  const appended = ['-append_partition', '2', '0xef', join(tree, 'boot/grub/efi.img')]
  const time = new Date(iso.epoch * 1_000).toISOString().replaceAll(/\D/g, '').slice(0, 16)
  const fixed = ['--set_all_file_dates', time, `--modification-date=${time}`]
  await run(
    [
      ...['xorriso', '-as', 'mkisofs', '-iso-level', '3', '-R', '-J', '-V', LABEL, ...fixed],
      ...[...bios, ...biosMore, ...efi, ...disk, ...appended, '-appended_part_as_gpt'],
      ...['-o', path, tree],
    ],
    { env: { SOURCE_DATE_EPOCH: String(iso.epoch) } },
  )
}
