// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './artifacts.ts'

const MiB = 2 ** 20
/** xfs takes nothing smaller. */
const PART_MIB = 320

type Maker = (path: string) => Promise<unknown>

/** What stands in a partition, in its order on the disk. */
const CONTENTS: Readonly<Record<string, Maker>> = {
  md: writeMdMember,
  lvm: writeLvmLabel,
  swap: (path) => run(['mkswap', path]),
  async ext4(path) {
    await run(['mkfs.ext4', '-q', path])
    // As after a power cut: the journal is to be replayed, by whoever mounts it.
    await run(['debugfs', '-w', '-R', 'feature needs_recovery', path])
  },
  xfs: writeDirtyXfs,
}

/** Fills a disk of 2 GiB or more with all that an operating system likes to start by itself. */
export async function writeUsedDisk(disk: string, folder: string): Promise<void> {
  const names = Object.keys(CONTENTS)
  const table = names.map((_, at) => `start=${1 + at * PART_MIB}MiB, size=${PART_MIB}MiB`)
  const script = join(folder, 'table')
  await Bun.write(script, `label: gpt\n${table.join('\n')}\n`)
  await run(['sh', '-c', `sfdisk --quiet ${disk} < ${script}`])
  for (const [at, make] of Object.values(CONTENTS).entries()) {
    const part = join(folder, `part-${at}`)
    await using file = await open(part, 'w')
    await file.truncate(PART_MIB * MiB)
    await make(part)
    const seek = String(1 + at * PART_MIB)
    await run(['dd', `if=${part}`, `of=${disk}`, 'bs=1M', `seek=${seek}`, 'conv=notrunc,sparse'])
    await rm(part)
  }
}

/** Superblock 1.2 of one half of a mirror: struct mdp_superblock_1 of Linux's md_p.h, 4 KiB into the member. */
async function writeMdMember(path: string): Promise<void> {
  const block = Buffer.alloc(1_024)
  block.writeUInt32LE(0xa92b4efc, 0)
  block.writeUInt32LE(1, 4)
  randomBytes(16).copy(block, 16)
  block.write('e2e:0', 32)
  block.writeBigUInt64LE(BigInt(Math.floor(Date.now() / 1_000)), 64)
  block.writeUInt32LE(1, 72)
  const sectors = BigInt((PART_MIB * MiB) / 512 - 2_048)
  block.writeBigUInt64LE(sectors, 80)
  block.writeUInt32LE(2, 92)
  block.writeBigUInt64LE(2_048n, 128)
  block.writeBigUInt64LE(sectors, 136)
  block.writeBigUInt64LE(8n, 144)
  randomBytes(16).copy(block, 168)
  block.writeBigUInt64LE(1n, 200)
  block.writeUInt32LE(2, 220)
  // Roles of the two members.
  block.writeUInt16LE(1, 258)
  let sum = 0n
  for (let at = 0; at < 256; at += 4) sum += BigInt(block.readUInt32LE(at))
  sum += BigInt(block.readUInt32LE(256))
  block.writeUInt32LE(Number(((sum & 0xffff_ffffn) + (sum >> 32n)) & 0xffff_ffffn), 216)
  await writeAt(path, block, 4_096)
}

/** Label and header of a physical volume without a group: LVM2's label.h, in the second sector. */
async function writeLvmLabel(path: string): Promise<void> {
  const sector = Buffer.alloc(512)
  sector.write('LABELONE', 0)
  sector.writeBigUInt64LE(1n, 8)
  sector.writeUInt32LE(32, 20)
  sector.write('LVM2 001', 24)
  sector.write('E2E0e2eE2E0e2eE2E0e2eE2E0e2e0001', 32)
  sector.writeBigUInt64LE(BigInt(PART_MIB * MiB), 64)
  sector.writeUInt32LE(lvmSum(sector.subarray(20)), 16)
  await writeAt(path, sector, 512)
}

/** CRC-32 from LVM's own beginning. */
function lvmSum(bytes: Uint8Array): number {
  let sum = 0xf597a6cf
  for (const byte of bytes) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit += 1) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0)
  }
  return sum >>> 0
}

/** A copy taken while it is mounted and was written to: its log is not empty. */
async function writeDirtyXfs(path: string): Promise<void> {
  await run(['mkfs.xfs', '-q', '-f', path])
  const script = `set -e; m=$(mktemp -d); mount -o loop "$1" "$m"; trap 'umount "$m"; rmdir "$m"' EXIT
for i in $(seq 200); do echo $i > "$m/$i"; done; sync; xfs_io -c 'shutdown -f' "$m" || true`
  await run(['bash', '-c', script, 'bash', path])
}

async function writeAt(path: string, bytes: Uint8Array, start: number): Promise<void> {
  await using file = await open(path, 'r+')
  await file.write(bytes, 0, bytes.byteLength, start)
}
