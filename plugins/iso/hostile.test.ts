// SPDX-License-Identifier: AGPL-3.0-or-later
import { beforeAll, describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { Fault } from '../../core/faults.ts'
import { MiB } from '../../core/units.ts'
import { type ByteSource, bytesSource } from './byte-source.ts'
import { Fields } from './fields.ts'
import { openIso } from './open-iso.ts'
import { seeded } from './random-images.ts'
import { temporaryFolder } from './real-tools.ts'
import { isoRegions } from './regions.ts'
import { SECTOR } from './sector.ts'
import { writeIso } from './write-iso.ts'

let good: Uint8Array<ArrayBuffer>
/** Sectors of the good image. */
let at: { root: number; folder: number; catalog: number }

beforeAll(async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'good.iso')
  await writeIso(path, {
    volumeId: 'GOOD',
    tree: new Map([
      ['/folder/file.bin', new Uint8Array(5_000).fill(1)],
      [`/${'n'.repeat(200)}`, new Uint8Array(10)],
      ['/efi.img', new Uint8Array(3_000)],
    ]),
    boot: { efi: { path: 'efi.img' } },
  })
  good = await Bun.file(path).bytes()
  const image = await openIso(bytesSource(good))
  const folderEntry = await image.find('/folder')
  at = {
    root: image.root.start,
    folder: folderEntry?.extents[0]?.start ?? 0,
    catalog: (image.boot?.lba ?? 0) * SECTOR,
  }
})

/** A source that counts, so that no image makes us read without end. */
function counted(bytes: Uint8Array) {
  const count = { reads: 0, bytes: 0 }
  const inner = bytesSource(bytes)
  const source: ByteSource = {
    sizeBytes: inner.sizeBytes,
    read(start, length) {
      count.reads += 1
      count.bytes += length
      return inner.read(start, length)
    },
  }
  return { source, count }
}

/** Byte of the first record of a directory whose name begins so. */
function recordAt(bytes: Uint8Array, directory: number, letter: string): number {
  for (let i = directory; (bytes[i] ?? 0) > 0; i += bytes[i] ?? 1)
    if ((bytes[i + 32] ?? 0) > 1 && bytes[i + 33] === letter.charCodeAt(0)) return i
  throw new Error(`no record begins with ${letter}`)
}

const PVD = 16 * SECTOR

describe('a hostile image', () => {
  test.each<readonly [string, (image: Fields) => Uint8Array | undefined, string]>([
    ['is empty', () => new Uint8Array(0), 'iso.not-iso'],
    ['ends before its descriptors', ({ bytes }) => bytes.subarray(0, PVD + 100), 'iso.not-iso'],
    ['ends among its descriptors', ({ bytes }) => bytes.subarray(0, PVD + SECTOR), 'iso.corrupt'],
    ['ends among its directories', ({ bytes }) => bytes.subarray(0, at.folder), 'iso.corrupt'],
    ['ends among its files', ({ bytes }) => bytes.subarray(0, -SECTOR), 'iso.corrupt'],
    ['is text', () => new Uint8Array(100_000).fill(0x41), 'iso.not-iso'],
    ['has no primary descriptor', (image) => void image.u8(PVD, 3), 'iso.corrupt'],
    ['has blocks of 512 bytes', (image) => void image.both16(PVD + 128, 512), 'iso.corrupt'],
    [
      'has descriptors without end',
      () => {
        const endless = new Fields(100 * SECTOR)
        for (let i = 16; i < 100; i += 1) endless.u8(i * SECTOR, 2).text(i * SECTOR + 1, 5, 'CD001')
        return endless.bytes
      },
      'iso.corrupt',
    ],
    ['has its root outside', (image) => void image.both32(PVD + 158, 0xffff_ffff), 'iso.corrupt'],
    ['has a root of 4 GiB', (image) => void image.both32(PVD + 166, 0xffff_ffff), 'iso.corrupt'],
    [
      'has an empty root',
      (image) => void image.put(at.root, new Uint8Array(SECTOR)),
      'iso.corrupt',
    ],
    [
      'has a folder that is its own parent',
      (image) => void image.both32(recordAt(image.bytes, at.root, 'F') + 2, at.root / SECTOR),
      'iso.corrupt',
    ],
    [
      'has a folder inside itself',
      (image) =>
        void image
          .u8(recordAt(image.bytes, at.folder, 'F') + 25, 2)
          .both32(recordAt(image.bytes, at.folder, 'F') + 2, at.folder / SECTOR),
      'iso.corrupt',
    ],
    [
      'has a folder of 4 GiB',
      (image) => void image.both32(recordAt(image.bytes, at.root, 'F') + 10, 0xffff_f800),
      'iso.corrupt',
    ],
    [
      'has a file that begins outside',
      (image) => void image.both32(recordAt(image.bytes, at.folder, 'F') + 2, 0x7fff_ffff),
      'iso.corrupt',
    ],
    [
      'has a file that ends outside',
      (image) => void image.both32(recordAt(image.bytes, at.folder, 'F') + 10, 0xffff_ffff),
      'iso.corrupt',
    ],
    [
      'has a file whose last section is missing',
      (image) => void image.u8(recordAt(image.bytes, at.folder, 'F') + 25, 0x80),
      'iso.corrupt',
    ],
    [
      'has an interleaved file',
      (image) => void image.u8(recordAt(image.bytes, at.folder, 'F') + 26, 1),
      'iso.corrupt',
    ],
    [
      'has a root shorter than its records',
      (image) => void image.both32(PVD + 166, 100),
      'iso.corrupt',
    ],
    [
      'has a record shorter than its head',
      (image) => void image.u8(recordAt(image.bytes, at.folder, 'F'), 20),
      'iso.corrupt',
    ],
    [
      'has a name longer than its record',
      (image) => void image.u8(recordAt(image.bytes, at.folder, 'F') + 32, 255),
      'iso.corrupt',
    ],
    [
      'has a continuation that points to itself',
      (image) => {
        const ce = findContinuation(image.bytes)
        const area = new DataView(image.bytes.buffer).getUint32(ce + 4, true)
        const offset = new DataView(image.bytes.buffer).getUint32(ce + 12, true)
        image.put(area * SECTOR + offset, image.bytes.slice(ce, ce + 28))
        image.both32(ce + 20, 28)
        return undefined
      },
      'iso.corrupt',
    ],
    [
      'has a continuation of 4 GiB',
      (image) => void image.both32(findContinuation(image.bytes) + 20, 0xffff_ffff),
      'iso.corrupt',
    ],
    [
      'has a continuation outside',
      (image) => void image.both32(findContinuation(image.bytes) + 4, 0xffff_0000),
      'iso.corrupt',
    ],
    [
      'has its boot catalog outside',
      (image) => void image.le32(17 * SECTOR + 71, 0xffff_ff00),
      'iso.corrupt',
    ],
    [
      'has a boot catalog of zeros',
      (image) => void image.put(at.catalog, new Uint8Array(64)),
      'iso.corrupt',
    ],
    ['has a name with a slash', (image) => void rename(image, '/'), 'iso.corrupt'],
    ['has a name with NUL', (image) => void rename(image, '\0'), 'iso.corrupt'],
  ])('that %s is refused', async (_, spoil, code) => {
    const image = new Fields(good.slice())
    const bytes = spoil(image) ?? image.bytes
    const { source, count } = counted(bytes)
    await expect(isoRegions(source)).rejects.toMatchObject({ code })
    expect(count.bytes).toBeLessThan(MiB)
  })

  test('whose boot image lies outside still has its regions', async () => {
    const image = new Fields(good.slice()).le32(at.catalog + 32 + 8, 0xffff_ffff)
    const names = (await isoRegions(bytesSource(image.bytes))).map((region): string => region.name)
    expect(names).toContain('boot catalog')
    expect(names).not.toContain('EFI image')
  })

  test('spoiled anywhere, 3,000 times: an answer or a fault, soon', async () => {
    const random = seeded(42)
    const end = Math.max(at.folder, at.catalog) + SECTOR
    const meaningful = [...good.subarray(PVD, end).entries()].flatMap(([i, byte]) =>
      byte === 0 ? [] : [PVD + i],
    )
    let refused = 0
    for (let i = 0; i < 3_000; i += 1) {
      const bytes = good.slice()
      for (let n = random(6); n >= 0; n -= 1) {
        const place = meaningful[random(meaningful.length)] ?? 0
        bytes[place] = [0, 1, 255, random(256)][random(4)] ?? 0
      }
      const { source, count } = counted(bytes)
      await isoRegions(source).catch((error: unknown) => {
        refused += 1
        if (!(error instanceof Fault)) throw error
      })
      expect(count.bytes).toBeLessThan(MiB)
    }
    expect(refused).toBeGreaterThan(100)
    expect(refused).toBeLessThan(2_900)
  }, 20_000)
})

function findContinuation(bytes: Uint8Array): number {
  const found = Buffer.from(bytes.buffer).indexOf('CE\x1c\x01', at.root, 'latin1')
  if (found < 0) throw new Error('the good image has no continuation')
  return found
}

/** Puts a character into the Rock Ridge name `file.bin`. */
function rename(image: Fields, character: string): void {
  const found = Buffer.from(image.bytes.buffer).indexOf('file.bin', at.folder)
  image.text(found + 1, 1, character)
}
