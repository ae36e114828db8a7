// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { type FatTree, fatImage } from './fat-image.ts'
import { digest, folderLines, run, temporaryFolder } from './real-tools.ts'

const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => (i * 31) % 256)

describe('a FAT image', () => {
  test('gives 7z back what was put in, over many clusters and directories', async () => {
    await using folder = await temporaryFolder()
    const many = Array.from({ length: 40 }, (_, i) => [`F${i}.BIN`, bytes(i)] as const)
    const deep: FatTree = new Map([['C', new Map([['D.TXT', bytes(1_025)]])]])
    const tree: FatTree = new Map<string, FatTree | Uint8Array>([
      ['EMPTY', bytes(0)],
      ['BIG.BIN', bytes(100_000)],
      ['MANY', new Map(many)],
      ['A-B_C', deep],
    ])
    await Bun.write(join(folder.path, 'fat.img'), fatImage(tree))
    const out = join(folder.path, 'out')
    await run('7z', 'x', '-y', '-tFAT', `-o${out}`, join(folder.path, 'fat.img'))
    const line = (path: string, content: Uint8Array) =>
      `${path} file 0 ${content.length} ${digest(content)}`
    expect(await folderLines(out, { modes: false })).toEqual(
      [
        ...['/A-B_C directory 0', '/A-B_C/C directory 0', '/MANY directory 0'],
        line('/A-B_C/C/D.TXT', bytes(1_025)),
        line('/BIG.BIN', bytes(100_000)),
        line('/EMPTY', bytes(0)),
        ...many.map(([name, content]) => line(`/MANY/${name}`, content)),
      ].sort((a, b) => (a < b ? -1 : 1)),
    )
  })

  test.each<readonly [string, FatTree, string]>([
    ['a long name', new Map([['TOO-LONG-NAME', bytes(1)]]), 'iso.name'],
    ['lower case', new Map([['a', bytes(1)]]), 'iso.name'],
    ['more than it holds', new Map([['A', bytes(363_000)]]), 'iso.too-large'],
    [
      'more names than its root holds',
      new Map(Array.from({ length: 113 }, (_, i) => [`F${i}`, bytes(1)])),
      'iso.too-large',
    ],
  ])('refuses %s', (_, tree, code) => {
    expect(() => fatImage(tree)).toThrow(expect.objectContaining({ code }))
  })
})
