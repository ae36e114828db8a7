// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { appendFileSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { IsoOptions } from './layout.ts'
import { digest, temporaryFolder } from './real-tools.ts'
import type { IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeAll(async () => {
  folder = await temporaryFolder()
})
afterAll(() => folder[Symbol.asyncDispose]())

const one = Uint8Array.of(1)
const UNREADABLE = '/sys/class/net/lo/speed'
const of = (...entries: (readonly [string, IsoContent])[]): IsoOptions => ({
  volumeId: 'V',
  tree: new Map(entries),
})

describe('writing an image', () => {
  test('gives the size and digest of what stands on disk, in the mode asked for', async () => {
    const path = join(folder.path, 'mode.iso')
    const written = await writeIso(path, { ...of(['/a', one]), mode: 0o600 })
    const bytes = await Bun.file(path).bytes()
    expect(written).toEqual({ sizeBytes: bytes.length, sha256: digest(bytes) })
    expect(bytes.length % 2_048).toBe(0)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('replaces what stood there, and by default anybody may read it', async () => {
    const path = join(folder.path, 'replaced.iso')
    await Bun.write(path, 'something else')
    const { sizeBytes } = await writeIso(path, of(['/a', one]))
    expect(await stat(path)).toMatchObject({ size: sizeBytes, mode: 0o100644 })
  })

  test('takes bytes, files and pieces for the same content', async () => {
    const content = Uint8Array.from({ length: 3_000_000 }, (_, i) => i % 251)
    const file = join(folder.path, 'content')
    await Bun.write(file, content)
    const pieces = () => [content.subarray(0, 7), content.subarray(7)]
    const contents: IsoContent[] = [content, { file }, { sizeBytes: content.length, pieces }]
    const digests = new Set<string>()
    for (const [i, one] of contents.entries())
      digests.add((await writeIso(join(folder.path, `same-${i}.iso`), of(['/a', one]))).sha256)
    expect(digests.size).toBe(1)
  })

  test('in a folder that is not there is refused with the remedy', async () => {
    const attempt = writeIso(join(folder.path, 'none/x.iso'), of(['/a', one]))
    await expect(attempt).rejects.toMatchObject({
      code: 'iso.destination',
      message: expect.stringContaining('correct the path'),
    })
  })

  test('overwrites what a crash left of it', async () => {
    const temporary = join(folder.path, 'left.part')
    await Bun.write(temporary, 'half an image')
    const path = join(folder.path, 'whole.iso')
    await writeIso(path, { ...of(['/a', one]), temporary, mode: 0o600 })
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await Bun.file(temporary).exists()).toBe(false)
  })

  test('an image without any file is one too', async () => {
    expect((await writeIso(join(folder.path, 'none.iso'), of())).sizeBytes).toBeGreaterThan(0)
  })

  test('gives a boot info table to an image of bytes, of a file and of pieces', async () => {
    const content = Uint8Array.from({ length: 5_000 }, (_, i) => i % 251)
    const file = join(folder.path, 'bios.img')
    await Bun.write(file, content)
    const sources: IsoContent[] = [
      content,
      { file },
      { sizeBytes: content.length, pieces: () => [content.subarray(0, 9), content.subarray(9)] },
    ]
    const boot = { bios: { path: '/b', bootInfoTable: true } }
    const digests = new Set<string>()
    for (const [i, source] of sources.entries()) {
      const path = join(folder.path, `table-${i}.iso`)
      digests.add((await writeIso(path, { ...of(['/b', source]), boot })).sha256)
    }
    const plain = await writeIso(join(folder.path, 'no-table.iso'), {
      ...of(['/b', content]),
      boot: { bios: { path: '/b' } },
    })
    expect(digests.size).toBe(1)
    expect(digests).not.toContain(plain.sha256)
  })

  test('the time asked for stands in the image', async () => {
    const path = join(folder.path, 'time.iso')
    await writeIso(path, { ...of(['/a', one]), modifiedAt: Date.UTC(2031, 4, 6, 7, 8, 9) })
    const created = (await Bun.file(path).bytes()).subarray(16 * 2_048 + 813, 16 * 2_048 + 829)
    expect(new TextDecoder().decode(created)).toBe('2031050607080900')
  })

  const efi = { efi: { path: '/missing.img' } }
  test.each<readonly [string, string, () => IsoOptions]>([
    ['a path with an empty part', 'iso.name', () => of(['/a//b', one])],
    ['an empty path', 'iso.name', () => of(['', one])],
    ['a path that climbs', 'iso.name', () => of(['/../etc/passwd', one])],
    ['a control character', 'iso.name', () => of(['/a\tb', one])],
    ['two names that Joliet can not tell apart', 'iso.name', () => of(['/a:', one], ['/a*', one])],
    [
      'two long ones',
      'iso.name',
      () => of([`/${'n'.repeat(70)}1`, one], [`/${'n'.repeat(70)}2`, one]),
    ],
    ['a link to nothing', 'iso.name', () => of(['/l', { linkTo: '' }])],
    [
      'a link to more than 4095 bytes',
      'iso.name',
      () => of(['/l', { linkTo: 'x/'.repeat(3_000) }]),
    ],
    ['a file that is a directory too', 'iso.invalid', () => of(['/a', one], ['/a/b', one])],
    ['a directory that is a file too', 'iso.invalid', () => of(['/a/b', one], ['/a', one])],
    ['a file, then a directory', 'iso.invalid', () => of(['/a', one], ['a', 'directory'])],
    [
      'an empty directory, then a file',
      'iso.invalid',
      () => of(['/a/b', 'directory'], ['/a', one]),
    ],
    ['half a surrogate pair in a link', 'iso.name', () => of(['/l', { linkTo: '\ud83d' }])],
    ['the same path twice', 'iso.invalid', () => of(['/a', one], ['a', one])],
    ['a volume id of 33 characters', 'iso.invalid', () => ({ ...of(), volumeId: 'V'.repeat(33) })],
    ['a volume id with an umlaut', 'iso.invalid', () => ({ ...of(), volumeId: 'Ü' })],
    ['a time before 1970', 'iso.invalid', () => ({ ...of(), modifiedAt: -1 })],
    ['a boot image that is not there', 'iso.invalid', () => ({ ...of(['/a', one]), boot: efi })],
    [
      'an empty boot image',
      'iso.invalid',
      () => ({ ...of(['/missing.img', new Uint8Array(0)]), boot: efi }),
    ],
    [
      'a boot image too short for its table',
      'iso.invalid',
      () => ({ ...of(['/b', one]), boot: { bios: { path: 'b', bootInfoTable: true } } }),
    ],
    [
      'no sectors to load',
      'iso.invalid',
      () => ({ ...of(['/b', one]), boot: { bios: { path: 'b', loadSectors: 0 } } }),
    ],
    [
      'more directories than the path table counts',
      'iso.too-large',
      () => of(...Array.from({ length: 65_535 }, (_, i) => [`/${i}`, 'directory'] as const)),
    ],
    ['9 TiB', 'iso.too-large', () => of(['/a', { sizeBytes: 9 * 2 ** 40, pieces: () => [] }])],
    ['a source that is gone', 'iso.source', () => of(['/a', { file: '/no/such/file' }])],
    ['a source that is a folder', 'iso.source', () => of(['/a', { file: folder.path }])],
    // A file of 4096 bytes, says stat; a read of it is EINVAL.
    ['a source that can not be read', 'iso.source', () => of(['/a', { file: UNREADABLE }])],
    [
      'a boot image that can not be read',
      'iso.source',
      () => ({
        ...of(['/b', { file: UNREADABLE }]),
        boot: { bios: { path: '/b', bootInfoTable: true } },
      }),
    ],
    ['pieces too many', 'iso.source', () => of(['/a', { sizeBytes: 1, pieces: () => [one, one] }])],
    ['pieces too few', 'iso.source', () => of(['/a', { sizeBytes: 3, pieces: () => [one, one] }])],
  ])(
    'is refused for %s, and leaves nothing behind',
    async (_, code, options) => {
      const before = await readdir(folder.path)
      const attempt = writeIso(join(folder.path, 'refused.iso'), options())
      await expect(attempt).rejects.toMatchObject({ code })
      expect(await readdir(folder.path)).toEqual(before)
      // 65,536 directories take seconds to plan.
    },
    30_000,
  )

  test('a source that grows while the image is written fails it', async () => {
    const file = join(folder.path, 'growing')
    await Bun.write(file, 'short')
    /** Comes first in the image, and makes the other file longer. */
    function* pieces() {
      appendFileSync(file, 'and more')
      yield one
    }
    const options = of(['/1', { sizeBytes: 1, pieces }], ['/2', { file }])
    const path = join(folder.path, 'grown.iso')
    await expect(writeIso(path, options)).rejects.toMatchObject({ code: 'iso.source' })
    expect(await Bun.file(path).exists()).toBe(false)
  })
})
