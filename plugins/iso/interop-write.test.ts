// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { seeded } from './random-images.ts'
import { digest, folderLines, run, temporaryFolder } from './real-tools.ts'
import { byText, type IsoContent } from './tree.ts'
import { writeIso } from './write-iso.ts'

const text = (value: string) => new TextEncoder().encode(value)
const random = seeded(7)
const noise = (length: number) => Uint8Array.from({ length }, () => random(256))

const DEEP = `/deep${'/level'.repeat(30)}/bottom.txt`
const LONG = `/${'n'.repeat(236)}.txt`
const LONGEST = `/${'m'.repeat(249)}.txt`
const UNICODE = '/Grüße aus 日本 😀.txt'
const LONG_LINK = `/usr/${'long-'.repeat(40)}name/../${'other-'.repeat(40)}name`

const files = new Map<string, Uint8Array>([
  ['/recipe.json', text('{"task_target":"install-linux.target"}')],
  ['/README', text('no extension')],
  ['/.hidden', text('dot first')],
  ['/two.dots.tar.gz', text('dots')],
  ['/UPPER.TXT', text('upper')],
  ['/upper.txt', text('lower')],
  ['/exactly-one-sector', noise(2_048)],
  ['/one-more.bin', noise(2_049)],
  ['/empty', new Uint8Array(0)],
  ['/boot/bios.img', noise(3_000)],
  ['/boot/efi.img', noise(70_000)],
  ['/large.bin', noise(3_000_000)],
  [DEEP, text('down here')],
  [LONG, text('long')],
  [LONGEST, text('longest')],
  [UNICODE, text('unicode')],
  ...Array.from(
    { length: 300 },
    (_, i) => [`/many/entry-${i}-of-a-full-directory.dat`, text(`${i}`)] as const,
  ),
])
const links = new Map([
  ['/link', 'recipe.json'],
  ['/link-up', '../../elsewhere/./x'],
  ['/link-absolute', '/'],
  ['/link-long', LONG_LINK],
])
const tree = new Map<string, IsoContent>([
  ...files,
  ...[...links].map(([path, linkTo]) => [path, { linkTo }] as const),
  ['/empty-directory', 'directory'],
])

/** Every directory above a file, and the empty one. */
const directories = [
  ...new Set([
    '/empty-directory',
    ...[...files.keys()].flatMap((path) =>
      path.split('/').map((_, i, parts) => parts.slice(0, i).join('/')),
    ),
  ]),
].filter((path) => path !== '')

const fileLine = (path: string, mode: string, bytes: Uint8Array) =>
  `${path} file ${mode} ${bytes.length} ${digest(bytes)}`

const expected = [
  ...[...files].map(([path, bytes]) => fileLine(path, '444', bytes)),
  ...[...links].map(([path, target]) => `${path} link ${target}`),
  ...directories.map((path) => `${path} directory 555`),
].sort(byText)

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let image: string
beforeAll(async () => {
  folder = await temporaryFolder()
  image = join(folder.path, 'image.iso')
  await writeIso(image, {
    volumeId: 'INTEROP',
    tree,
    boot: {
      bios: { path: '/boot/bios.img', bootInfoTable: false },
      efi: { path: '/boot/efi.img' },
    },
  })
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('our image, as others read it', () => {
  test('xorriso extracts every file, name, mode and link', async () => {
    const out = join(folder.path, 'xorriso')
    await run('xorriso', '-osirrox', 'on', '-indev', image, '-extract', '/', out)
    expect(await folderLines(out)).toEqual(expected)
  })

  test('xorriso reports both boot entries', async () => {
    const report = await run('xorriso', '-indev', image, '-report_el_torito', 'plain')
    expect(report).toMatch(/boot img : +1 +BIOS +y +none +0x0000 +0x00 +4 /)
    expect(report).toMatch(/boot img : +2 +UEFI +y +none +0x0000 +0x00 +137 /)
    expect(report).toContain('1  /boot/bios.img')
    expect(report).toContain('2  /boot/efi.img')
  })

  test('xorriso finds nothing to complain about', async () => {
    const out = await run('xorriso', '-abort_on', 'WARNING', '-indev', image, '-check_media', '--')
    expect(out).toContain('+ good')
  })

  test('isoinfo lists the Rock Ridge names and reads a deep file', async () => {
    const listed = (await run('isoinfo', '-R', '-f', '-i', image)).trim().split('\n')
    const paths = expected.map((line) => line.replace(/ (file|link|directory) .*$/, ''))
    expect(listed.filter((path) => path !== '').sort(byText)).toEqual(paths.sort(byText))
    expect(await run('isoinfo', '-R', '-i', image, '-x', DEEP)).toBe('down here')
    expect(await run('isoinfo', '-R', '-i', image, '-x', LONGEST)).toBe('longest')
  })

  test('isoinfo shows modes, owner and the fixed time', async () => {
    const listed = await run('isoinfo', '-R', '-l', '-i', image)
    expect(listed).toMatch(/^-r--r--r-- +1 +0 +0 +38 Jan +1 2020 .* recipe\.json $/m)
    expect(listed).toMatch(/^dr-xr-xr-x +2 +0 +0 .* empty-directory $/m)
    expect(listed).toMatch(/^lrwxrwxrwx +1 +0 +0 .* link -> recipe\.json/m)
  })

  test('isoinfo reads plain names of level 3, all different', async () => {
    const listed = (await run('isoinfo', '-f', '-i', image)).trim().split('\n').filter(Boolean)
    const names = listed.map((path) => path.slice(path.lastIndexOf('/') + 1))
    const plain = /^([A-Z0-9_]{1,31}|(?=.{3,33}$)[A-Z0-9_]*\.[A-Z0-9_]*;1)$/
    expect(names.filter((name) => !plain.test(name))).toEqual([])
    expect(new Set(listed).size).toBe(listed.length)
    expect(listed).toContain('/RECIPE.JSON;1')
  })

  test('isoinfo reads a path table of all directories', async () => {
    const table = await run('isoinfo', '-p', '-i', image)
    expect(table.match(/^ +\d+: +\d+ [0-9a-f]+ /gm)).toHaveLength(directories.length + 1)
    expect(table).toMatch(/ EMPTY_DIRECTORY$/m)
  })

  test('isoinfo finds Joliet of level 3 and El Torito', async () => {
    const facts = await run('isoinfo', '-d', '-i', image)
    expect(facts).toContain('Volume id: INTEROP')
    expect(facts).toContain('Joliet with UCS level 3 found')
    expect(facts).toContain('Rock Ridge signatures version 1 found')
    expect(facts).toContain('El Torito VD version 1 found')
  })

  test('7z extracts every file by its Joliet name', async () => {
    const out = join(folder.path, '7z')
    await run('7z', 'x', '-y', `-o${out}`, image, '-x![BOOT]')
    const joliet = [...files].map(([path, bytes]) => {
      const short = new Map([
        [LONG, `/${'n'.repeat(60)}.txt`],
        [LONGEST, `/${'m'.repeat(60)}.txt`],
        [UNICODE, '/Grüße aus 日本 _.txt'],
      ])
      return fileLine(short.get(path) ?? path, '0', bytes)
    })
    const lines = await folderLines(out, { modes: false })
    expect(lines.filter((line) => line.includes(' file '))).toEqual(joliet.sort(byText))
  })

  test('fuseiso mounts it: names, modes, contents', async () => {
    const mountPoint = join(folder.path, 'mounted')
    await mkdir(mountPoint)
    await run('fuseiso', image, mountPoint)
    try {
      // fuseiso 20070708 shows the plain name for one that fills two NM entries, and breaks link
      // parts that go from one SL entry into the next.
      const plainOfLongest = `/${'m'.repeat(27)}.txt`
      const fits = (line: string) =>
        ![LONGEST, plainOfLongest, '/link-long'].some((path) => line.startsWith(`${path} `))
      const lines = await folderLines(mountPoint)
      expect(lines.filter(fits)).toEqual(expected.filter(fits))
      expect(lines.length).toBe(expected.length)
    } finally {
      await run('fusermount', '-u', mountPoint)
    }
  })
})
