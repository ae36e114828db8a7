// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { openFileSource } from './byte-source.ts'
import type { IsoOptions } from './layout.ts'
import { randomOptions } from './random-images.ts'
import { temporaryFolder } from './real-tools.ts'
import { isoRegions } from './regions.ts'
import type { IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

async function regionsOf(options: IsoOptions) {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'x.iso')
  const { sizeBytes } = await writeIso(path, options)
  await using source = await openFileSource(path)
  return { sizeBytes, regions: await isoRegions(source) }
}

function expectSound({ sizeBytes, regions }: Awaited<ReturnType<typeof regionsOf>>): void {
  let end = 0
  for (const region of regions) {
    expect(region.start).toBeGreaterThanOrEqual(end)
    expect(region.length).toBeGreaterThan(0)
    end = region.start + region.length
  }
  expect(end).toBeLessThanOrEqual(sizeBytes)
  expect(regions.length).toBeLessThanOrEqual(200)
}

const file = (path: string): readonly [string, IsoContent] => [path, new Uint8Array(3_000).fill(1)]
const named = (...paths: string[]): IsoOptions => ({
  volumeId: 'V',
  tree: new Map(paths.map(file)),
})

test.each([
  ['/casper/vmlinuz', 'kernel'],
  ['/images/pxeboot/vmlinuz-6.12.el10', 'kernel'],
  ['/boot/linux', 'kernel'],
  ['/isolinux/bzImage', 'kernel'],
  ['/casper/initrd', 'initrd'],
  ['/initramfs-6.12.img', 'initrd'],
  ['/LiveOS/squashfs.img', 'root file system'],
  ['/casper/filesystem.squashfs', 'root file system'],
  ['/LiveOS/rootfs.img', 'root file system'],
  ['/job.json', 'job.json'],
  ['/task/recipe.json', 'recipe.json'],
  ['/linux-license.txt', 'files'],
  ['/README', 'files'],
])('%s is told as %s', async (path, name) => {
  const { regions } = await regionsOf(named(path))
  expect(regions.at(-1)).toMatchObject({ name, length: 4_096 })
})

test('files side by side are one region', async () => {
  const { regions } = await regionsOf(named('/a', '/b', '/c', '/initrd.img', '/x', '/y'))
  expect(regions.filter((region) => region.name === 'files').map(({ length }) => length)).toEqual([
    3 * 4_096,
    2 * 4_096,
  ])
})

test('however many kernels there are, the list stays short and sound', async () => {
  const paths = Array.from({ length: 400 }, (_, i) => [`/k/${i}/vmlinuz`, `/k/${i}/z`]).flat()
  expectSound(await regionsOf(named(...paths)))
})

test('of 100 random images are sorted, apart and inside', async () => {
  for (let seed = 1; seed <= 100; seed += 1) expectSound(await regionsOf(randomOptions(seed)))
})
