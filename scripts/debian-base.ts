// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs'
import { mkdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, digestOf, packagesOf, run, say } from './maintenance-parts.ts'

const SUITE = 'trixie'

/**
 * Brings a Debian tree into bootc layout: the one kernel beside its modules, nothing in /boot, links
 * where bootc wants them, no identity of a machine. Run by mmdebstrap with the tree as `$1`.
 */
const BOOTC_LAYOUT = [
  'kver=$(ls "$1/usr/lib/modules")',
  'mv "$1/boot/vmlinuz-$kver" "$1/usr/lib/modules/$kver/vmlinuz"',
  'rm -rf "$1"/boot/* "$1"/vmlinuz* "$1"/initrd.img*',
  'mkdir -p "$1/sysroot" "$1/usr/lib/ostree"',
  'ln -sfn sysroot/ostree "$1/ostree"',
  'printf "[composefs]\\nenabled = no\\n[sysroot]\\nreadonly = true\\n" > "$1/usr/lib/ostree/prepare-root.conf"',
].join(' && ')

const CLEAN =
  ': > "$1/etc/machine-id" && rm -rf "$1"/var/log/* "$1"/var/cache/* "$1"/var/lib/apt/lists/*'

/** Left out of every package: nobody reads manuals on a machine that lives for minutes. */
const WITHOUT = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*', '/usr/share/doc/*']
const BUT_WITH = '/usr/share/doc/*/copyright'

const ROOM_BYTES = 3_000_000_000

/** Unpacked in memory where there is room: dpkg's syncs make it three times slower on a disk. */
async function inMemory(): Promise<Record<string, string>> {
  const { bavail, bsize } = await statfs('/dev/shm')
  return bavail * bsize > ROOM_BYTES ? { TMPDIR: '/dev/shm' } : {}
}

/** A file system of Debian packages as a tar, from the cache when this list was asked before. */
async function fileSystem(list: string, hooks: readonly string[], fresh: boolean): Promise<string> {
  const packages = await packagesOf(list)
  const path = join(cacheFolder, `${list}-${SUITE}-${digestOf(...packages, ...hooks)}.tar`)
  if (existsSync(path) && !fresh) {
    say(`${list}: ${path} (--fresh asks Debian again)`)
    return path
  }
  say(`${list}: ${packages.length} Debian packages and what they need, a minute or two`)
  await mkdir(cacheFolder, { recursive: true })
  const temporary = `${path}.part`
  const excluded = WITHOUT.map((files) => `--dpkgopt=path-exclude=${files}`)
  const flags = [
    ...['--variant=apt', '--mode=root', '--format=tar', '--skip=essential/unlink'],
    ...['--aptopt=APT::Install-Recommends "false"', '--dpkgopt=force-unsafe-io'],
    ...[...excluded, `--dpkgopt=path-include=${BUT_WITH}`],
    ...hooks.map((hook) => `--customize-hook=${hook}`),
    `--include=${packages.join(',')}`,
  ]
  try {
    // The kernel's own package would make an initramfs that nobody boots. No time of this run is kept.
    const env = { INITRD: 'No', SOURCE_DATE_EPOCH: '0', ...(await inMemory()) }
    await run(['mmdebstrap', ...flags, SUITE, temporary], { env })
    await rename(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
  return path
}

/** Tar of the maintenance OS before anything of ours is in it. */
export const debianBase = (fresh: boolean) =>
  fileSystem('packages.base', [BOOTC_LAYOUT, CLEAN], fresh)

/** Tar of the tools that the steps call. */
export const debianTools = (fresh: boolean) => fileSystem('packages.tools', [CLEAN], fresh)
