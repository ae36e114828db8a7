// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { digest, run as runTool, temporaryFolder } from './real-tools.ts'

const MAIN = join(import.meta.dir, '../../appliance/main.ts')

/** Runs the command line in a process of its own: its exit code and streams are its interface. */
async function iso(...args: string[]) {
  const child = Bun.spawn([process.execPath, MAIN, 'iso', ...args], {
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()])
  return { stdout, stderr, code: await child.exited }
}

let folder: Awaited<ReturnType<typeof temporaryFolder>>
let source: string
const at = (name: string) => join(folder.path, name)
beforeAll(async () => {
  folder = await temporaryFolder()
  source = at('source')
  await mkdir(join(source, 'sub/empty'), { recursive: true })
  await Bun.write(join(source, 'sub/file.txt'), 'content')
  await Bun.write(join(source, 'bios.img'), new Uint8Array(4_096))
  await symlink('sub/file.txt', join(source, 'link'))
  await Bun.write(at('outside.img'), new Uint8Array(70_000))
})
afterAll(() => folder[Symbol.asyncDispose]())

describe('slipway iso', () => {
  test('build makes an image of a folder, bootable by images from in and outside of it', async () => {
    const made = await iso(
      ...['build', source, '-o', at('built.iso'), '--volume-id', 'MINE', '--json'],
      ...['--bios', join(source, 'bios.img'), '--efi', at('outside.img')],
    )
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const bytes = await Bun.file(at('built.iso')).bytes()
    expect(JSON.parse(made.stdout)).toEqual({
      file: at('built.iso'),
      size_bytes: bytes.length,
      sha256: digest(bytes),
    })
    const report = await runTool('xorriso', '-indev', at('built.iso'), '-report_el_torito', 'plain')
    expect(report).toContain('1  /bios.img')
    expect(report).toContain('2  /boot/outside.img')
  })

  test('build into the folder itself gives the same again: the image does not hold the last one', async () => {
    const inside = join(source, 'sub', 'inside.iso')
    const first = await iso('build', source, '-o', inside, '--json')
    const second = await iso('build', source, '-o', inside, '--json')
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(second.stdout).toBe(first.stdout)
    await rm(inside)
  })

  test('ls --json gives paths, sizes, extents, links and boot entries', async () => {
    await iso('build', source, '-o', at('listed.iso'), '--volume-id', 'LISTED')
    const listed = JSON.parse((await iso('ls', at('listed.iso'), '--json')).stdout)
    expect(listed).toMatchObject({ volume_id: 'LISTED', names: 'rock-ridge', boot: [] })
    expect(listed.size_bytes).toBe((await Bun.file(at('listed.iso')).bytes()).length)
    const paths = listed.entries.map((entry: { path: string }) => entry.path)
    expect(paths).toEqual(['/bios.img', '/link', '/sub', '/sub/empty', '/sub/file.txt'])
    expect(listed.entries[1]).toMatchObject({ kind: 'symlink', target: 'sub/file.txt' })
    expect(listed.entries[4]).toMatchObject({ kind: 'file', size_bytes: 7, mode: 0o100444 })
    expect(listed.entries[4].extents).toHaveLength(1)
  })

  test('ls in a terminal shows a line for each entry and each boot image', async () => {
    await iso('sample', '-o', at('sample.iso'), '--size', '2000000')
    const { stdout, code } = await iso('ls', at('sample.iso'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^volume SLIPWAY_TEST, 1998848 bytes, names rock-ridge\n/)
    expect(stdout).toMatch(/^boot efi: sector \d+, loads 720 x 512 bytes$/m)
    expect(stdout).toMatch(/^- 0444 +262144 \d+\+262144 +\/boot\/vmlinuz$/m)
  })

  test('ls lets no name of an image steer the terminal', async () => {
    await iso('build', source, '-o', at('evil.iso'))
    const image = Buffer.from(await Bun.file(at('evil.iso')).bytes()).toString('latin1')
    const evil = image.replaceAll('file.txt', '\x1bile.txt')
    await Bun.write(at('evil.iso'), Buffer.from(evil, 'latin1'))
    const { stdout } = await iso('ls', at('evil.iso'))
    expect(stdout).toContain('/sub/\\x1bile.txt')
    expect(stdout).toContain(' -> sub/\\x1bile.txt')
    expect(stdout).not.toContain('\x1b')
  })

  test.each(['build', 'ls', 'sample'])(
    '%s --help tells its usage and does nothing',
    async (name) => {
      for (const word of ['--help', '-h']) {
        const { code, stdout, stderr } = await iso(name, word)
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
        expect(stdout).toContain(`slipway iso ${name} `)
        expect(stdout).toContain('--json')
      }
    },
  )

  const faults: readonly (readonly [string, () => string[], number, string, RegExp])[] = [
    ['build without a folder', () => ['build', '-o', 'x'], 2, 'cli.usage', /needs DIR/],
    ['build without -o', () => ['build', source], 2, 'cli.usage', /name the image with -o/],
    ['an unknown option', () => ['ls', '--fast', 'x'], 2, 'cli.usage', /--fast/],
    ['ls of two images', () => ['ls', 'a', 'b'], 2, 'cli.usage', /no use for `b`/],
    [
      'sample with a size that is none',
      () => ['sample', '-o', 'x', '--size', '4M'],
      ...([2, 'cli.usage', /`4M`/] as const),
    ],
    [
      'build of a folder that is not there',
      () => ['build', at('none'), '-o', at('x')],
      ...([3, 'iso.not-found', /none is no folder/] as const),
    ],
    [
      'build into a folder that is not there',
      () => ['build', source, '-o', at('none/x')],
      ...([1, 'iso.destination', /can not be written.*correct the path/] as const),
    ],
    [
      'build with a boot image that is not there',
      () => ['build', source, '-o', at('x'), '--efi', at('no.img')],
      ...([1, 'iso.source', /no\.img/] as const),
    ],
    [
      'ls of a file that is not there',
      () => ['ls', at('none')],
      ...([3, 'iso.not-found', /can not be opened/] as const),
    ],
    [
      'ls of a file that is no image',
      () => ['ls', at('outside.img')],
      ...([4, 'iso.not-iso', /no ISO 9660 image/] as const),
    ],
  ]
  test.each(faults)('%s ends in one sentence, and in a document under --json', async (...row) => {
    const [, args, code, word, sentence] = row
    const [told, documented] = await Promise.all([iso(...args()), iso(...args(), '--json')])
    expect(told).toMatchObject({ code, stdout: '' })
    expect(told.stderr).toMatch(sentence)
    expect(told.stderr.trimEnd()).not.toContain('\n')
    expect(documented.code).toBe(code)
    expect(JSON.parse(documented.stdout)).toMatchObject({
      code: word,
      message: expect.stringMatching(sentence),
    })
  })
})
