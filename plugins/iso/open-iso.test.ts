// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { KiB } from '../../core/units.ts'
import { type ByteSource, type FileSource, imageSource, openFileSource } from './byte-source.ts'
import type { IsoEntry } from './iso-reader.ts'
import { openIso } from './open-iso.ts'
import { randomOptions } from './random-images.ts'
import { temporaryFolder } from './real-tools.ts'
import { writeSampleBootIso } from './sample-boot-iso.ts'
import { writeIso } from './write-iso.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: FileSource
beforeAll(async () => {
  folder = await temporaryFolder()
  await writeSampleBootIso(join(folder.path, 'sample.iso'))
  source = await openFileSource(join(folder.path, 'sample.iso'))
})
afterAll(async () => {
  await source[Symbol.asyncDispose]()
  await folder[Symbol.asyncDispose]()
})

describe('reading an image', () => {
  test('to find one file takes a few small reads, however large the image is', async () => {
    const reads: number[] = []
    const counted: ByteSource = {
      sizeBytes: source.sizeBytes,
      read(start, length) {
        reads.push(length)
        return source.read(start, length)
      },
    }
    const kernel = await (await openIso(counted)).find('/boot/vmlinuz')
    expect(kernel?.sizeBytes).toBe(256 * KiB)
    expect(reads.length).toBeLessThan(12)
    expect(Math.max(...reads)).toBe(2 * KiB)
  })

  test.each<readonly [string, IsoEntry['kind'] | undefined]>([
    ['/boot', 'directory'],
    ['/', 'directory'],
    ['boot/vmlinuz', 'file'],
    ['/boot//vmlinuz', 'file'],
    ['/boot/vmlinuz/x', undefined],
    ['/none/x', undefined],
    ['/BOOT/vmlinuz', undefined],
  ])('%p is a %p', async (path, kind) => {
    expect((await (await openIso(source)).find(path))?.kind).toBe(kind)
  })

  test.each([
    ['a file that is not there', '/none', 'iso.not-found'],
    ['a directory', '/boot', 'iso.not-found'],
    ['a file that is too large to hold', '/LiveOS/squashfs.img', 'iso.too-large'],
  ])('%s is refused', async (_, path, code) => {
    await expect((await openIso(source)).readFile(path)).rejects.toMatchObject({ code })
  })

  test('an image in stretches of files is read like one file', async () => {
    const path = join(folder.path, 'sample.iso')
    const half = 2_000_001
    const image = await openIso(
      imageSource({
        sizeBytes: source.sizeBytes,
        etag: '""',
        modifiedAt: 0,
        regions: [],
        segments: [
          { file: path, start: 0, length: half },
          { file: path, start: half, length: source.sizeBytes - half },
        ],
      }),
    )
    expect(await image.list()).toEqual(await (await openIso(source)).list())
  })

  test('a file that got shorter is an error, not zeros', async () => {
    const path = join(folder.path, 'shorter.iso')
    await writeSampleBootIso(path)
    await using shrinking = await openFileSource(path)
    const image = await openIso(shrinking)
    await Bun.write(path, (await Bun.file(path).bytes()).subarray(0, 100_000))
    await expect(image.readFile('/boot/vmlinuz')).rejects.toMatchObject({ code: 'iso.source' })
  })

  test('gives back what 100 random images were made of', async () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const { tree, ...options } = randomOptions(seed)
      // A boot info table changes the image that it is written into.
      const content = new Map([...tree].filter(([path]) => path !== '/boot.img'))
      const path = join(folder.path, 'random.iso')
      await writeIso(path, { volumeId: options.volumeId, tree: content })
      await using random = await openFileSource(path)
      const image = await openIso(random)
      expect(new Set((await image.list()).map((entry) => entry.path))).toEqual(
        new Set(content.keys()),
      )
      for (const [file, wanted] of content) {
        const entry = await image.find(file)
        if (wanted instanceof Uint8Array)
          expect(await image.readFile(file)).toEqual(Uint8Array.from(wanted))
        else if (wanted === 'directory') expect(entry?.kind).toBe('directory')
        else if ('linkTo' in wanted) expect(entry?.target).toBe(wanted.linkTo.replace(/\/$/, ''))
      }
    }
  })
})
