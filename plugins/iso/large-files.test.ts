// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { open, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { GiB } from '../../core/units.ts'
import { openFileSource } from './byte-source.ts'
import { LONGEST_EXTENT } from './hierarchy.ts'
import { planIso } from './layout.ts'
import { openIso } from './open-iso.ts'
import { run, temporaryFolder } from './real-tools.ts'
import { SECTOR } from './sector.ts'
import { structures } from './structures.ts'
import type { IsoContent } from './tree.ts'

test('a file of 9 GiB stands in three extents, for us and for others', async () => {
  await using folder = await temporaryFolder()
  const path = join(folder.path, 'large.iso')
  const sizeBytes = 9 * GiB + 5
  const layout = await planIso({
    volumeId: 'LARGE',
    tree: new Map<string, IsoContent>([
      ['/large.img', { sizeBytes, pieces: () => [] }],
      ['/small.txt', new TextEncoder().encode('behind it')],
    ]),
  })
  // Only the structures are written: the content stays a hole in a sparse file.
  {
    await using file = await open(path, 'w')
    for (const { lba, bytes } of structures(layout))
      await file.write(bytes, 0, bytes.length, lba * SECTOR)
    for (const [node, lba] of layout.files)
      if (node.content instanceof Uint8Array) await file.write(node.content, 0, 9, lba * SECTOR)
  }
  await truncate(path, layout.sizeBytes)

  await using source = await openFileSource(path)
  const image = await openIso(source)
  const large = await image.find('/large.img')
  const start = large?.extents[0]?.start ?? 0
  expect(large).toMatchObject({
    sizeBytes,
    extents: [
      { start, length: LONGEST_EXTENT },
      { start: start + LONGEST_EXTENT, length: LONGEST_EXTENT },
      { start: start + 2 * LONGEST_EXTENT, length: sizeBytes - 2 * LONGEST_EXTENT },
    ],
  })
  expect(new TextDecoder().decode(await image.readFile('/small.txt'))).toBe('behind it')

  const sections = await run(
    'xorriso',
    '-indev',
    path,
    '-find',
    '/large.img',
    '-exec',
    'report_lba',
  )
  expect(sections.match(/^File data lba:.*large\.img'$/gm)).toHaveLength(3)
  expect(await run('xorriso', '-indev', path, '-lsl', '/')).toMatch(/ 9663676421 .* 'large\.img'/)
  expect(await run('isoinfo', '-R', '-i', path, '-x', '/small.txt')).toBe('behind it')
  expect(await run('7z', 'l', path)).toMatch(/ 9663676421 .*large\.img/)
})
