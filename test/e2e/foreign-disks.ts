// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, mkdtemp, open, rm, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { host } from '../../appliance/dispatcher-steps/test-bed.ts'
import { MiB } from '../../core/units.ts'

const SECTOR = 512
/** xfsprogs 6 make none that is smaller. */
const XFS_BYTES = 320 * MiB
const DISK_BYTES = 64 * MiB

/** Disks as their last owners left them: whatever starts on them by itself writes to them. */
export async function foreignDisks(folder: string): Promise<readonly string[]> {
  const at = (name: string) => join(folder, `${name}.raw`)
  const names = ['mirror-a', 'mirror-b', 'lvm', 'swap', 'ext4', 'xfs']
  for (const name of names) {
    await Bun.write(at(name), '')
    await truncate(at(name), name === 'xfs' ? XFS_BYTES : DISK_BYTES)
  }
  await writeMirror(at('mirror-a'), 0)
  await writeMirror(at('mirror-b'), 1)
  await writeVolumeGroup(at('lvm'))
  // A swap partition of the type that systemd starts by itself.
  await host('sh', '-euc', `printf 'label: gpt\\nstart=1M, type=swap\\n' | sfdisk -q ${at('swap')}`)
  await withLoop(at('swap'), MiB, (loop) => host('mkswap', '--quiet', loop))
  await leaveDirty(at('ext4'), ['mkfs.ext4', '-q'])
  await leaveDirty(at('xfs'), ['mkfs.xfs', '-q'])
  return names.map(at)
}

/** A file system as a power cut leaves it: its journal holds what was not yet written to its place. */
async function leaveDirty(path: string, format: readonly string[]): Promise<void> {
  const mount = await mkdtemp(join(tmpdir(), 'slipway-dirty-'))
  try {
    await host(...format, path)
    await host('mount', '-o', 'loop', path, mount)
    try {
      await host('sh', '-euc', `for n in $(seq 200); do echo $n > ${mount}/$n; done`)
      await host('sync', '-f', mount)
      await copyFile(path, `${path}.cut`)
    } finally {
      await host('umount', mount)
    }
    await copyFile(`${path}.cut`, path)
  } finally {
    await rm(`${path}.cut`, { force: true })
    await rm(mount, { recursive: true })
  }
}

/** A volume group with a logical volume. LVM needs no kernel to write its labels. */
async function writeVolumeGroup(path: string): Promise<void> {
  await withLoop(path, 0, async (loop) => {
    const filter = `devices{filter=["a|${loop}|","r|.*|"] use_devicesfile=0}`
    const lvm = ['-qq', '--config', `${filter} global{activation=0}`]
    await host('pvcreate', ...lvm, loop)
    await host('vgcreate', ...lvm, 'foreign', loop)
    await host('lvcreate', ...lvm, '-an', '-Zn', '-Wn', '-L', '16M', '-n', 'data', 'foreign')
  })
}

/** A file as a block device, from an offset in bytes, while the work lasts. */
async function withLoop<T>(
  path: string,
  offset: number,
  work: (loop: string) => Promise<T>,
): Promise<T> {
  const loop = await host('losetup', '--find', '--show', `--offset=${offset}`, path)
  try {
    return await work(loop)
  } finally {
    await host('losetup', '--detach', loop)
  }
}

/** Of the superblock, in 512-byte sectors: version 1.2 stands 4 KiB behind the start. */
const SUPER_SECTOR = 8
const DATA_SECTOR = 2_048
const RAID_DISKS = 2

/**
 * A half of a mirror that was not in step when its machine stopped (md_p.h of Linux, struct
 * mdp_superblock_1): an array that is put together begins to write at once.
 */
async function writeMirror(path: string, number: number): Promise<void> {
  const dataSectors = BigInt(DISK_BYTES / SECTOR - DATA_SECTOR)
  const block = Buffer.alloc(256 + 2 * RAID_DISKS)
  block.writeUInt32LE(0xa92b4efc, 0)
  block.writeUInt32LE(1, 4)
  block.fill(0x5a, 16, 32)
  block.write('foreign:0', 32)
  block.writeUInt32LE(1, 72)
  block.writeBigUInt64LE(dataSectors, 80)
  block.writeUInt32LE(RAID_DISKS, 92)
  block.writeBigUInt64LE(BigInt(DATA_SECTOR), 128)
  block.writeBigUInt64LE(dataSectors, 136)
  block.writeBigUInt64LE(BigInt(SUPER_SECTOR), 144)
  block.writeUInt32LE(number, 160)
  block.fill(0x10 + number, 168, 184)
  block.writeBigUInt64LE(7n, 200)
  block.writeUInt32LE(RAID_DISKS, 220)
  for (let disk = 0; disk < RAID_DISKS; disk += 1) block.writeUInt16LE(disk, 256 + 2 * disk)
  block.writeUInt32LE(checksumOf(block), 216)
  await using file = await open(path, 'r+')
  await file.write(block, 0, block.length, SUPER_SECTOR * SECTOR)
}

/** Of `md.c`: the sum of all words, its overflow added. */
function checksumOf(block: Buffer): number {
  let sum = 0n
  for (let at = 0; at < block.length; at += 4) sum += BigInt(block.readUInt32LE(at))
  return Number(((sum & 0xffffffffn) + (sum >> 32n)) & 0xffffffffn)
}
