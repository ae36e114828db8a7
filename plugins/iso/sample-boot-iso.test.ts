// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { MiB } from '../../core/units.ts'
import { openFileSource } from './byte-source.ts'
import { openIso } from './open-iso.ts'
import { digest, folderLines, run, temporaryFolder } from './real-tools.ts'
import { isoRegions } from './regions.ts'
import { writeSampleBootIso } from './sample-boot-iso.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let image: string
beforeAll(async () => {
  folder = await temporaryFolder()
  image = join(folder.path, 'sample.iso')
  await writeSampleBootIso(image)
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('the test medium', () => {
  test('has 4 MiB, or what was asked for, and always the same bytes', async () => {
    const again = join(folder.path, 'again.iso')
    const first = await writeSampleBootIso(again)
    expect(first.sizeBytes).toBe(4 * MiB)
    expect(await writeSampleBootIso(again)).toEqual(first)
    const odd = await writeSampleBootIso(again, { sizeBytes: 6 * MiB + 1_000 })
    expect(odd.sizeBytes).toBe(6 * MiB)
  })

  test('is refused where the kernel would not fit', async () => {
    const attempt = writeSampleBootIso(join(folder.path, 'small.iso'), { sizeBytes: MiB })
    await expect(attempt).rejects.toMatchObject({ code: 'iso.invalid' })
  })

  test('boots by BIOS and UEFI, says xorriso', async () => {
    const report = await run('xorriso', '-indev', image, '-report_el_torito', 'plain')
    expect(report).toMatch(/boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 /)
    expect(report).toMatch(/boot img : +2 +UEFI +y +none +0x0000 +0x00 +720 /)
  })

  test('has an EFI image that is a FAT file system with a program in it', async () => {
    await using source = await openFileSource(image)
    const efi = await (await openIso(source)).readFile('/boot/efi.img')
    const file = join(folder.path, 'efi.img')
    await Bun.write(file, efi)
    const out = join(folder.path, 'efi')
    await run('7z', 'x', '-y', '-tFAT', `-o${out}`, file)
    const lines = await folderLines(out, { modes: false })
    expect(lines.map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      ...['/EFI directory', '/EFI/BOOT directory', '/EFI/BOOT/BOOTX64.EFI file'],
    ])
    const program = join(out, 'EFI/BOOT/BOOTX64.EFI')
    expect(await run('7z', 'l', '-tPE', program)).toMatch(/^CPU = x64$[\s\S]*^Subsystem = EFI$/m)
  })

  test('has the boot programs that were seen to boot', async () => {
    await using source = await openFileSource(image)
    const opened = await openIso(source)
    // Both printed their line in QEMU 7.2 by SeaBIOS 1.16 and OVMF 2022.11. After a change here: boot it again.
    expect(digest(await opened.readFile('/boot/bios.img'))).toBe(
      '405df59ce2396f6dbb1ccf98cb99a7c5f0c5d08ad0b56088ca806e04225c4cec',
    )
    expect(digest(await opened.readFile('/boot/efi.img'))).toBe(
      'a73ca212d350ef984d9893df69fd898dcc28e772d837bcf9e186b07093607bb0',
    )
  })

  test('says what is read of it: kernel, initrd, root file system, both boot images', async () => {
    await using source = await openFileSource(image)
    const names = (await isoRegions(source)).map((region) => region.name)
    expect(names).toEqual([
      ...['volume descriptor', 'directories', 'directories', 'boot catalog', 'root file system'],
      ...['files', 'BIOS boot image', 'EFI image', 'initrd', 'kernel'],
    ])
  })
})
