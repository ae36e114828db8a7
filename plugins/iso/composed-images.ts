// SPDX-License-Identifier: AGPL-3.0-or-later
/** For tests only: bases of other people's programs, a task, and what comes of them. */
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type MediaImage, readImage } from '../../core/media.ts'
import { openFileSource } from './byte-source.ts'
import { composeIso } from './compose.ts'
import { fatImage } from './fat-image.ts'
import { seeded } from './random-images.ts'
import { digest, run } from './real-tools.ts'
import { isoRegions } from './regions.ts'
import { writeSampleBootIso } from './sample-boot-iso.ts'
import type { IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

const text = (value: string) => new TextEncoder().encode(value)

/** A file as the image that media serve; the same bytes have the same etag. */
export async function fileImage(path: string): Promise<MediaImage> {
  await using source = await openFileSource(path)
  return {
    sizeBytes: source.sizeBytes,
    etag: `"${digest(await Bun.file(path).bytes())}"`,
    modifiedAt: 1_000,
    segments: [{ file: path, start: 0, length: source.sizeBytes }],
    regions: await isoRegions(source).catch(() => []),
  }
}

/** All bytes of an image in memory. */
export async function bytesOf(image: MediaImage): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of readImage(image)) pieces.push(piece)
  return Buffer.concat(pieces)
}

export const TASK_FILES: ReadonlyMap<string, Uint8Array> = new Map([
  ['/job.json', text('{"job_id":"1"}')],
  ['/recipe.json', text('{"task_target":"install-linux.target"}')],
  ['/recipe.schema.json', text('{"$schema":"draft-07"}')],
  ['/user-data', text('#cloud-config\n')],
  ['/drivers/net/e1000.bin', new Uint8Array(5_000).fill(7)],
])

/** A task ISO with a folder in it. */
export async function writeTask(path: string): Promise<MediaImage> {
  await writeIso(path, { volumeId: 'TASK_0123456789A', tree: new Map(TASK_FILES) })
  return await fileImage(path)
}

const random = seeded(11)
const noise = (length: number) => Uint8Array.from({ length }, () => random(256))

/** What a live medium holds, with a folder whose name comes before and one whose name comes after the task's. */
const LIVE: ReadonlyMap<string, Uint8Array> = new Map([
  ['/README.TXT', text('read me')],
  ['/aa/deep/er/file', text('down here')],
  ['/boot/bios.img', noise(4_096)],
  ['/boot/efi.img', fatImage(new Map())],
  ['/boot/vmlinuz', noise(100_000)],
  ['/live/filesystem.squashfs', noise(300_001)],
  ['/zz/last', text('last')],
])

const BIOS = ['-b', 'boot/bios.img', '-no-emul-boot', '-boot-load-size', '4']
const XORRISO = ['xorriso', '-as', 'mkisofs', '-quiet', '-V', 'BASE', '-R', '-J']
const GENISOIMAGE = ['genisoimage', '-quiet', '-V', 'BASE']
/** How each base is made of a folder. */
const MADE_BY: Readonly<Record<string, (efi: string) => readonly string[]>> = {
  'xorriso, GPT': (efi) => [
    ...[...XORRISO, ...BIOS, '-boot-info-table', '-eltorito-alt-boot', '-no-emul-boot'],
    ...['-e', '--interval:appended_partition_2:all::', '-append_partition', '2', '0xef', efi],
    ...['-appended_part_as_gpt', '-partition_offset', '16'],
  ],
  'xorriso, MBR': (efi) => [...XORRISO, ...BIOS, '-append_partition', '2', '0xef', efi],
  'xorriso, ISO 9660:1999 beside the others': () => [...XORRISO, ...BIOS, '-iso-level', '4'],
  'genisoimage, all trees': () => [...GENISOIMAGE, '-R', '-J', ...BIOS],
  'genisoimage, plain': () => [...GENISOIMAGE, ...BIOS],
  'genisoimage, Joliet': () => [...GENISOIMAGE, '-J', ...BIOS],
  'genisoimage, ISO 9660:1999': () => [...GENISOIMAGE, '-iso-level', '4', ...BIOS],
}

export const baseNames = [...Object.keys(MADE_BY), 'ours', 'the sample']

/** Writes a base of that name. */
export async function writeBase(name: string, folder: string): Promise<string> {
  const path = join(folder, 'base.iso')
  const made = MADE_BY[name]
  if (!made) {
    const tree = new Map<string, IsoContent>(LIVE).set('/link', { linkTo: 'README.TXT' })
    const boot = { bios: { path: 'boot/bios.img' }, efi: { path: 'boot/efi.img' } }
    if (name === 'ours') await writeIso(path, { volumeId: 'BASE', tree, boot })
    else await writeSampleBootIso(path)
    return path
  }
  const tree = join(folder, 'tree')
  for (const [file, bytes] of LIVE) {
    await mkdir(join(tree, dirname(file)), { recursive: true })
    await Bun.write(join(tree, file), bytes)
  }
  const [program = '', ...options] = made(join(tree, 'boot/efi.img'))
  await run(program, ...options, '-o', path, tree)
  return path
}

/** A composed image and the files that it is made of. */
export interface Composed {
  readonly basePath: string
  readonly taskPath: string
  readonly patchPath: string
  readonly image: MediaImage
  /** The composed bytes as one file. */
  readonly path: string
}

/** Composes a base with the task, and writes it down as other programs want it. */
export async function composed(basePath: string, folder: string): Promise<Composed> {
  const taskPath = join(folder, 'task.iso')
  const patchPath = join(folder, 'task.iso.patch')
  const path = join(folder, 'composed.iso')
  const task = await writeTask(taskPath)
  const image = await composeIso({ base: await fileImage(basePath), task, patchPath })
  await Bun.write(path, await bytesOf(image))
  return { basePath, taskPath, patchPath, image, path }
}
