// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { cp, mkdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { withBootInfoTable } from './boot-info-table.ts'
import { openFileSource } from './byte-source.ts'
import { type IsoImage, openIso } from './open-iso.ts'
import { digest, folderLines, run, temporaryFolder } from './real-tools.ts'
import { isoRegions } from './regions.ts'
import { byText } from './tree.ts'

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) % 256)

const files = new Map<string, Uint8Array>([
  ['/README.TXT', bytes(10)],
  ['/boot/bios.img', bytes(3_001)],
  ['/boot/efi.img', bytes(40_000)],
  ['/boot/vmlinuz', bytes(5_000)],
  ['/boot/initrd.img', bytes(6_000)],
  ['/LiveOS/squashfs.img', bytes(300_000)],
  // Below level 8 genisoimage moves directories away (RRIP §4.1.5).
  [`/a/b/c/d/e/f/g/h/i/j/k/deep.txt`, bytes(77)],
  [`/${'long-'.repeat(49)}name`, bytes(5)],
  ['/Grüße 日本.txt', bytes(6)],
  ['/empty', bytes(0)],
  ...Array.from({ length: 150 }, (_, i) => [`/many/file-${i}.dat`, bytes(i)] as const),
])

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: string
let sourceLines: string[]
beforeAll(async () => {
  folder = await temporaryFolder()
  source = join(folder.path, 'source')
  for (const [path, content] of files) {
    await mkdir(dirname(source + path), { recursive: true })
    await Bun.write(source + path, content)
  }
  await symlink('../many/./file-1.dat', join(source, 'link'))
  // genisoimage cuts what is much longer.
  await symlink(`/${'part/'.repeat(30)}end`, join(source, 'link-long'))
  sourceLines = await folderLines(source)
})
afterAll(() => folder[Symbol.asyncDispose]())

/** What our reader sees, in the form of `folderLines`. */
async function imageLines(image: IsoImage): Promise<string[]> {
  const lines: string[] = []
  for (const entry of await image.list()) {
    const mode = ((entry.mode ?? 0) & 0o777).toString(8)
    if (entry.kind === 'symlink') lines.push(`${entry.path} link ${entry.target}`)
    else if (entry.kind === 'directory') lines.push(`${entry.path} directory ${mode}`)
    else {
      const pieces: Uint8Array[] = []
      for await (const piece of image.read(entry)) pieces.push(piece)
      lines.push(`${entry.path} file ${mode} ${entry.sizeBytes} ${digest(Buffer.concat(pieces))}`)
    }
  }
  return lines.sort(byText)
}

async function withImage<T>(file: string, work: (image: IsoImage) => Promise<T>): Promise<T> {
  await using opened = await openFileSource(file)
  return await work(await openIso(opened))
}

const BOOT = ['-b', 'boot/bios.img', '-no-emul-boot', '-boot-load-size', '4', '-c', 'boot/boot.cat']
const EFI = ['-eltorito-alt-boot', '-e', 'boot/efi.img', '-no-emul-boot']

describe('images of others, as we read them', () => {
  test.each([
    ['xorriso', ['xorriso', '-as', 'mkisofs', '-quiet', '-R', '-J']],
    [
      'genisoimage',
      ['genisoimage', '-quiet', '-R', '-J', '-joliet-long', '-input-charset', 'utf-8'],
    ],
    [
      'genisoimage without moved directories',
      ['genisoimage', '-quiet', '-R', '-D', '-input-charset', 'utf-8'],
    ],
    ['xorriso with checksums and ACLs', ['xorriso', '-as', 'mkisofs', '-quiet', '-R', '--md5']],
  ])('of %s: every file, name, mode and link', async (name, [program = '', ...args]) => {
    const file = join(folder.path, `${name}.iso`)
    await run(program, ...args, '-V', 'FOREIGN', '-o', file, source)
    await withImage(file, async (image) => {
      expect(image).toMatchObject({ volumeId: 'FOREIGN', names: 'rock-ridge' })
      const lines = await imageLines(image)
      // genisoimage leaves the folder into which it moved directories.
      expect(lines.filter((line) => !line.startsWith('/rr_moved '))).toEqual(sourceLines)
      const deep = await image.readFile('/a/b/c/d/e/f/g/h/i/j/k/deep.txt')
      expect(deep).toEqual(Uint8Array.from(bytes(77)))
    })
  })

  test('Joliet alone: names in their case, no links, no modes', async () => {
    const file = join(folder.path, 'joliet.iso')
    await run(
      'genisoimage',
      '-quiet',
      '-J',
      '-joliet-long',
      '-D',
      '-input-charset',
      'utf-8',
      '-o',
      file,
      source,
    )
    await withImage(file, async (image) => {
      expect(image.names).toBe('joliet')
      const paths = (await image.list()).map((entry) => entry.path)
      expect(paths).toContain('/Grüße 日本.txt')
      expect(paths).toContain('/LiveOS/squashfs.img')
      expect(await image.readFile('/many/file-149.dat')).toEqual(Uint8Array.from(bytes(149)))
    })
  })

  test('plain names: lower case, without version', async () => {
    const small = join(folder.path, 'plain')
    await cp(join(source, 'boot'), join(small, 'boot'), { recursive: true })
    const file = join(folder.path, 'plain.iso')
    await run('genisoimage', '-quiet', '-o', file, small)
    await withImage(file, async (image) => {
      expect(image.names).toBe('plain')
      const paths = (await image.list()).map((entry) => entry.path)
      expect(paths.sort(byText)).toEqual([
        ...['/boot', '/boot/bios.img', '/boot/efi.img', '/boot/initrd.img', '/boot/vmlinuz'],
      ])
    })
  })

  test.each([
    ['xorriso', ['xorriso', '-as', 'mkisofs', '-quiet', '-R', ...BOOT, '-boot-info-table', ...EFI]],
    ['genisoimage', ['genisoimage', '-quiet', '-R', '-D', ...BOOT, '-boot-info-table', ...EFI]],
  ])('boot entries and boot info table of %s', async (name, [program = '', ...args]) => {
    // genisoimage writes the table into the source itself.
    const copy = join(folder.path, `boot-${name}`)
    await cp(source, copy, { recursive: true, verbatimSymlinks: true })
    const file = join(folder.path, `boot-${name}.iso`)
    await run(program, ...args, '-o', file, copy)
    await withImage(file, async (image) => {
      const lbaOf = async (path: string) =>
        ((await image.find(path))?.extents[0]?.start ?? 0) / 2_048
      const lba = await lbaOf('/boot/bios.img')
      expect(image.boot?.entries).toMatchObject([
        { platform: 'bios', lba, sectors: 4, bootable: true },
        { platform: 'efi', lba: await lbaOf('/boot/efi.img'), bootable: true },
      ])
      expect(await image.readFile('/boot/bios.img')).toEqual(withBootInfoTable(bytes(3_001), lba))
    })
    await using opened = await openFileSource(file)
    const names = (await isoRegions(opened)).map((region): string => region.name)
    expect(names).toEqual(
      expect.arrayContaining([
        ...[
          'volume descriptor',
          'boot catalog',
          'BIOS boot image',
          'EFI image',
          'kernel',
          'initrd',
        ],
        ...['root file system', 'directories', 'files'],
      ]),
    )
  })
})
