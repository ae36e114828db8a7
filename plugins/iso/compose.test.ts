// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Fault } from '../../core/faults.ts'
import type { MediaImage } from '../../core/media.ts'
import { MiB } from '../../core/units.ts'
import { bytesSource, imageSource } from './byte-source.ts'
import { composeIso } from './compose.ts'
import {
  baseNames,
  bytesOf,
  composed,
  fileImage,
  TASK_FILES,
  writeBase,
  writeTask,
} from './composed-images.ts'
import { utf8 } from './fields.ts'
import type { IsoEntry } from './iso-reader.ts'
import { openIso } from './open-iso.ts'
import { randomOptions, seeded } from './random-images.ts'
import { run, temporaryFolder } from './real-tools.ts'
import { writeSampleBootIso } from './sample-boot-iso.ts'
import { SECTOR } from './sector.ts'
import type { IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

let folder: Awaited<ReturnType<typeof temporaryFolder>>
beforeEach(async () => {
  folder = await temporaryFolder()
})
afterEach(() => folder[Symbol.asyncDispose]())

const at = (name: string) => join(folder.path, name)
const patchPath = () => at('job.iso.patch')

/** A base of ours with these files. */
async function ours(tree: ReadonlyMap<string, IsoContent>): Promise<MediaImage> {
  await writeIso(at('base.iso'), { volumeId: 'BASE', tree })
  return await fileImage(at('base.iso'))
}

/** The bytes of the sample, changed. */
async function sampleWith(change: (bytes: Uint8Array) => Uint8Array | undefined): Promise<string> {
  await writeSampleBootIso(at('base.iso'))
  const bytes = await Bun.file(at('base.iso')).bytes()
  await Bun.write(at('base.iso'), change(bytes) ?? bytes)
  return at('base.iso')
}

const composeFile = async (path: string) =>
  await composeIso({
    base: await fileImage(path),
    task: await writeTask(at('task.iso')),
    patchPath: patchPath(),
  })

const plainOf = ({ path, kind, extents, target, mode }: IsoEntry) => ({
  ...{ path, kind, target, mode },
  // Directories may stand elsewhere.
  extents: kind === 'directory' ? [] : extents,
})

describe('a composed image', () => {
  test('is made of the base, the task ISO and a small private file', async () => {
    await writeSampleBootIso(at('base.iso'), { sizeBytes: 8 * MiB })
    const { image, basePath, taskPath } = await composed(at('base.iso'), folder.path)
    const bytesBy = new Map<string, number>()
    for (const { file, length } of image.segments)
      bytesBy.set(file, (bytesBy.get(file) ?? 0) + length)
    const patch = bytesBy.get(`${taskPath}.patch`) ?? 0
    expect(bytesBy.size).toBe(3)
    expect(bytesBy.get(taskPath)).toBe(Bun.file(taskPath).size)
    expect(bytesBy.get(basePath)).toBeGreaterThan(8 * MiB - 64_000)
    expect(patch).toBeLessThan(64_000)
    const { mode, size } = await stat(`${taskPath}.patch`)
    expect({ mode: mode & 0o777, size }).toEqual({ mode: 0o600, size: patch })
    expect(image.segments.reduce((sum, { length }) => sum + length, 0)).toBe(image.sizeBytes)
  })

  test('is the same again, and another one for another base or task', async () => {
    const base = await ours(new Map([['/a', utf8('a')]]))
    const task = await writeTask(at('task.iso'))
    const first = await composeIso({ base, task, patchPath: patchPath() })
    const bytes = await bytesOf(first)
    expect(await composeIso({ base, task, patchPath: patchPath() })).toEqual(first)
    expect(await bytesOf(first)).toEqual(bytes)
    const etags = [first.etag]
    for (const parts of [
      { base: { ...base, etag: '"b"' }, task },
      { base, task: { ...task, etag: '"t"' } },
    ])
      etags.push((await composeIso({ ...parts, patchPath: patchPath() })).etag)
    expect(new Set(etags).size).toBe(3)
    expect(first.etag).toMatch(/^"one-[0-9a-f]{64}"$/)
  })

  test('tells the stages of the base, then the files of the task', async () => {
    const { image, basePath } = await composed(
      await writeBase('the sample', folder.path),
      folder.path,
    )
    const base = await fileImage(basePath)
    expect(image.regions.slice(0, base.regions.length)).toEqual([...base.regions])
    let end = 0
    for (const { start, length } of image.regions) {
      expect(start).toBeGreaterThanOrEqual(end)
      end = start + length
    }
    expect(end).toBeLessThanOrEqual(image.sizeBytes)
    const iso = await openIso(imageSource(image))
    for (const name of ['job.json', 'recipe.json']) {
      const entry = await iso.find(`/task/${name}`)
      const start = entry?.extents[0]?.start
      expect(image.regions.find((region) => region.start === start)?.name).toBe(name)
    }
    expect(iso.root.start).toBeGreaterThanOrEqual(base.sizeBytes)
    expect(image.regions.findLast(({ start }) => start <= iso.root.start)?.name).toBe('directories')
  })

  test('keeps links, modes and places of 60 random bases, with random tasks', async () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      await writeIso(at('base.iso'), randomOptions(seed))
      const { tree } = randomOptions(seed + 1_000)
      await writeIso(at('task.iso'), { volumeId: `TASK_${seed}`, tree })
      const [base, task] = [await fileImage(at('base.iso')), await fileImage(at('task.iso'))]
      const image = await composeIso({ base, task, patchPath: patchPath() })
      const opened = async (each: MediaImage) => (await openIso(imageSource(each))).list()
      const entries = await opened(image)
      const [own, tasks] = [await opened(base), await opened(task)]
      const isTask = ({ path }: IsoEntry) => path === '/task' || path.startsWith('/task/')
      expect(entries.filter((each) => !isTask(each)).map(plainOf)).toEqual(own.map(plainOf))
      const moved = tasks.map((each) => ({
        ...plainOf(each),
        path: `/task${each.path}`,
        extents:
          each.kind === 'directory'
            ? []
            : each.extents.map(({ start, length }) => ({ start: start + base.sizeBytes, length })),
      }))
      const put = entries.filter(isTask).slice(1).map(plainOf)
      expect(put).toEqual(moved)
    }
  }, 30_000)

  test('of a base that ends in the middle of a sector has its task on one of its own', async () => {
    const path = await sampleWith((bytes) => Buffer.concat([bytes, new Uint8Array(700)]))
    const image = await composeFile(path)
    expect(image.sizeBytes % SECTOR).toBe(0)
    const iso = await openIso(imageSource(image))
    expect(await iso.readFile('/task/job.json')).toEqual(
      Uint8Array.from(TASK_FILES.get('/job.json') ?? []),
    )
  })

  test('counts one more directory in the root, and every `..` names its new place', async () => {
    const base = await ours(
      new Map([
        ['/a/b/c', utf8('c')],
        ['/z/y', utf8('y')],
      ]),
    )
    const task = await writeTask(at('task.iso'))
    const image = await composeIso({ base, task, patchPath: patchPath() })
    await Bun.write(at('composed.iso'), await bytesOf(image))
    const listed = await run('isoinfo', '-R', '-l', '-i', at('composed.iso'))
    const { root } = await openIso(imageSource(image))
    const lba = String(root.start / SECTOR)
    const [, ...blocks] = listed.split('Directory listing of ')
    const rootOwn = blocks.filter((block) => block.startsWith('/\n'))
    expect(rootOwn.join()).toMatch(new RegExp(`^dr-xr-xr-x +5 .* \\[ +${lba} 02\\] +\\. *$`, 'm'))
    for (const name of ['/', '/a/', '/task/', '/z/']) {
      const block = blocks.find((each) => each.startsWith(`${name}\n`))
      expect(block).toMatch(new RegExp(`\\[ +${lba} 02\\] +\\.\\. *$`, 'm'))
    }
  })

  test('carries no implanted sum: it would be taken for damage', async () => {
    const path = await sampleWith((bytes) => {
      bytes.set(utf8('ISO MD5SUM = 0123456789abcdef0123456789abcdef;'), 16 * SECTOR + 883)
      return bytes
    })
    const bytes = await bytesOf(await composeFile(path))
    const room = bytes.subarray(16 * SECTOR + 883, 16 * SECTOR + 883 + 512)
    expect(room.every((byte) => byte === 0x20)).toBe(true)
  })
})

/** An entry of a partition table in the sample's first block. */
const mbrEntry = (bytes: Uint8Array, index: number, start: number, count: number) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint8(446 + 16 * index + 4, 0x83)
  view.setUint32(446 + 16 * index + 8, start, true)
  view.setUint32(446 + 16 * index + 12, count, true)
  view.setUint16(510, 0xaa55, true)
}

describe('a base that can not carry a task says why', () => {
  const changes: readonly {
    name: string
    why: string
    change: (bytes: Uint8Array) => Uint8Array | undefined
  }[] = [
    {
      name: 'not ISO 9660',
      why: 'no ISO 9660 image',
      change: (bytes) => void bytes.fill(0, 16 * SECTOR, 17 * SECTOR),
    },
    {
      name: 'shorter than its descriptors',
      why: 'no ISO 9660 image',
      change: (bytes) => bytes.subarray(0, 30_000),
    },
    {
      name: 'a full partition table',
      why: 'no free entry',
      change: (bytes) => {
        for (let index = 0; index < 4; index += 1) mbrEntry(bytes, index, 64 + index, 1)
        return bytes
      },
    },
    {
      name: 'a partition behind the end',
      why: 'cut short',
      change: (bytes) => {
        mbrEntry(bytes, 0, 0, 1_000_000)
        return bytes
      },
    },
    {
      name: 'a damaged partition table',
      why: 'is damaged',
      change: (bytes) => {
        mbrEntry(bytes, 0, 64, 1)
        bytes[446] = 0x42
        return bytes
      },
    },
    {
      name: 'something else in the place of a partition table',
      why: 'where its partition table would be',
      change: (bytes) => void bytes.fill(0x20, 0, 512),
    },
    {
      name: 'a GPT of a wrong checksum',
      why: 'the header of its GPT is damaged',
      change: (bytes) => {
        bytes.set(utf8('EFI PART'), 512)
        bytes.set(Uint8Array.of(92, 0, 0, 0), 512 + 12)
        return bytes
      },
    },
    {
      name: 'UDF beside ISO 9660',
      why: 'UDF',
      change: (bytes) => {
        bytes.set(utf8('BEA01'), 20 * SECTOR + 1)
        return bytes
      },
    },
    {
      name: 'system use entries that are not ours to write',
      why: 'keep bytes of a system',
      change: (bytes) => {
        const root = new DataView(bytes.buffer, bytes.byteOffset).getUint32(16 * SECTOR + 158, true)
        bytes[root * SECTOR + 34 + 6] = 14
        return bytes
      },
    },
    {
      name: 'a root directory of 4 GiB',
      why: 'a directory of 4294967295 bytes',
      change: (bytes) => void bytes.fill(0xff, 16 * SECTOR + 166, 16 * SECTOR + 174),
    },
    {
      name: 'a path table whose end is not its end',
      why: 'path table',
      change: (bytes) => {
        const view = new DataView(bytes.buffer, bytes.byteOffset)
        view.setUint32(16 * SECTOR + 132, 3, true)
        return bytes
      },
    },
  ]
  test.each(changes)('$name', async ({ why, change }) => {
    const path = await sampleWith(change)
    await expect(composeFile(path)).rejects.toMatchObject({
      code: 'iso.compose',
      message: expect.stringContaining(why),
    })
    expect(await Bun.file(patchPath()).exists()).toBe(false)
  })

  test.each(['/task/x', '/task', '/TASK', '/Task'])('%s of its own', async (name) => {
    const base = await ours(new Map([[name, utf8('x')]]))
    const task = await writeTask(at('task.iso'))
    await expect(composeIso({ base, task, patchPath: patchPath() })).rejects.toMatchObject({
      code: 'iso.compose',
      message: expect.stringMatching(/already; use another maintenance ISO/),
    })
  })
})

test('damaged bases are composed or refused by name, never by accident', async () => {
  const random = seeded(5)
  const task = await writeTask(at('task.iso'))
  const codes = new Set<string>()
  for (const name of baseNames) {
    const whole = await Bun.file(await writeBase(name, folder.path)).bytes()
    const base = await fileImage(at('base.iso'))
    for (let round = 0; round < 30; round += 1) {
      const bytes = whole.slice()
      for (let flips = 1 + random(6); flips > 0; flips -= 1)
        bytes[random(2) ? random(120_000) : 32_768 + random(6_144)] =
          [0, 255, random(256)][random(3)] ?? 0
      await Bun.write(at('damaged.iso'), bytes)
      const segments = [{ file: at('damaged.iso'), start: 0, length: bytes.length }]
      const made = await composeIso({
        base: { ...base, segments },
        task,
        patchPath: patchPath(),
      }).catch((caught) => caught)
      codes.add(made instanceof Fault ? made.code : made.etag ? 'composed' : String(made))
      if (made instanceof Fault) continue
      const iso = await openIso(bytesSource(await bytesOf(made)))
      expect(await iso.find('/task/job.json')).toBeDefined()
    }
    await run('rm', '-rf', at('tree'))
  }
  expect([...codes].sort()).toEqual(['composed', 'iso.compose'])
}, 60_000)
