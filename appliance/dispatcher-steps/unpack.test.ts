// SPDX-License-Identifier: AGPL-3.0-or-later
/** Real trees through real packers: what comes out is compared by other programs. */
import { expect, test } from 'bun:test'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Layer } from './layer.ts'
import { TarScanner } from './tar-scanner.ts'
import { host } from './test-bed.ts'
import { contentKind, opened, unpackTar } from './unpack.ts'

const LONG = 'n'.repeat(120)

async function folder() {
  // Not in memory: tmpfs has no user xattrs.
  const path = await mkdtemp(join(tmpdir(), 'slipway-tree-'))
  const dispose = () => rm(path, { recursive: true, force: true })
  return { path, [Symbol.asyncDispose]: dispose }
}

const sh = (script: string) => host('sh', '-euc', script)

/** A tree with everything that a system has and a careless unpacker loses. */
async function makeTree(root: string): Promise<void> {
  await sh(`cd ${root}
    mkdir -p etc usr/bin var/empty deep/${LONG}/${LONG}/x
    echo hello > etc/motd; chmod 4755 etc/motd
    printf x > usr/bin/tool; chown 12345:54321 usr/bin/tool
    ln usr/bin/tool usr/bin/same
    ln -s /usr/bin/tool etc/absolute; ln -s ../usr/bin/tool etc/relative
    ln -s ${LONG}/${LONG}/${LONG} etc/long-link
    echo deep > deep/${LONG}/${LONG}/x/file
    truncate -s 50M var/sparse; echo end >> var/sparse
    mkfifo var/fifo; mknod var/null c 1 3
    chmod 1777 var/empty; touch -d 2001-02-03T04:05:06 etc/motd
    setfattr -n user.note -v kept etc/motd
    setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 usr/bin/tool
    setfacl -m u:4711:rwx var/empty
    printf 'ä' > "etc/ümläut"`)
}

/** All that programs of others say of a tree. */
async function facts(root: string): Promise<string> {
  const list = await sh(
    `cd ${root} && find . -mindepth 1 -printf '%P|%y|%m|%U|%G|%n|%l|%Ts\\n' | sed '/^lost+found/d' | LC_ALL=C sort`,
  )
  const sums = await sh(`cd ${root} && find . -type f -exec sha256sum {} + | LC_ALL=C sort`)
  const attributes = await sh(
    `cd ${root} && find . -mindepth 1 | LC_ALL=C sort | while read -r f; do getfattr -h -d -m - -e hex "$f"; getfacl -pn "$f" || true; done 2>/dev/null`,
  )
  return [list, sums, attributes].join('\n')
}

const streamOf = (path: string) => Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array>
const log = () => undefined

test.each([
  ['not at all', 'cat'],
  ['gzip', 'gzip -1'],
  ['several members of gzip', 'split -b 3M --filter="gzip -1"'],
  ['zstd', 'zstd -q -1'],
  ['zstd with a window of 1 GiB', 'zstd -q -3 --long=30'],
  ['several frames of zstd', 'split -b 3M --filter="zstd -q -1"'],
  ['xz', 'xz -0'],
])(
  'a tree packed by %s comes out as it went in',
  async (_name, packer) => {
    await using work = await folder()
    const [tree, out, tar] = [
      join(work.path, 'tree'),
      join(work.path, 'out'),
      join(work.path, 'tar'),
    ]
    await mkdir(tree)
    await mkdir(out)
    await makeTree(tree)
    await sh(
      `tar -C ${tree} --xattrs --xattrs-include='*' --acls --numeric-owner -S -cf - . | ${packer} > ${tar}`,
    )
    await unpackTar({ log }, await opened(streamOf(tar)), out, undefined)
    expect(await facts(out)).toBe(await facts(tree))
    const blocks = Number(await sh(`stat -c %b ${out}/var/sparse`))
    expect(blocks * 512).toBeLessThan(1_048_576)
  },
  30_000,
)

test('every header is seen, however the stream is cut', async () => {
  await using work = await folder()
  const [tree, tar] = [join(work.path, 'tree'), join(work.path, 'tar')]
  await mkdir(tree)
  await makeTree(tree)
  for (const format of ['gnu', 'posix', 'oldgnu']) {
    await sh(`tar -C ${tree} --format=${format} -S -cf ${tar} .`)
    const listed = (await sh(`tar --quoting-style=literal -tf ${tar}`)).split('\n')
    const expected = listed.map((name) => name.replace(/^\.\//, '').replace(/\/$/, ''))
    const bytes = await readFile(tar)
    let seed = 7
    for (const most of [1, 511, 4_096, 1_048_576]) {
      // One byte at a time only over what a test has time for.
      const whole = most === 1 ? bytes.subarray(0, 20_480) : bytes
      const scanner = new TarScanner()
      const seen: string[] = []
      for (let at = 0; at < whole.length; ) {
        seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648
        const size = 1 + (seed % most)
        seen.push(...scanner.feed(whole.subarray(at, at + size)).map(({ path }) => path))
        at += size
      }
      expect(seen).toEqual(most === 1 ? expected.slice(0, seen.length) : expected)
      expect(seen.length).toBeGreaterThan(5)
    }
  }
}, 30_000)

/** Layers of a container image, one shell script each, run in an empty folder. */
async function layered(work: string, scripts: readonly string[]) {
  const out = join(work, 'out')
  await mkdir(out)
  for (const [index, script] of scripts.entries()) {
    const tree = join(work, `layer-${index}`)
    await mkdir(tree)
    await sh(`cd ${tree}; ${script}`)
    await sh(`tar -C ${tree} -cf ${tree}.tar .`)
    const layer = index === 0 ? undefined : new Layer(out)
    await unpackTar({ log }, await opened(streamOf(`${tree}.tar`)), out, layer)
  }
  const list = await sh(`cd ${out} && find . -mindepth 1 -printf '%P\\n' | LC_ALL=C sort`)
  return { out, list: list.split('\n') }
}

test('what a later layer takes away is gone, and what it brings stays', async () => {
  await using work = await folder()
  const { list, out } = await layered(work.path, [
    'mkdir -p a/sub b c d; touch a/1 a/sub/2 b/3 c/4 d/5; echo old > file; mkdir was-folder; touch was-folder/x; echo f > was-file',
    'mkdir -p a b c; touch a/.wh.1 b/.wh..wh..opq b/new .wh.d c/6; echo new > file; echo now > was-folder; mkdir was-file; touch was-file/in',
    'mkdir -p a/sub c; touch a/sub/.wh.2 .wh.c c/7',
  ])
  expect(list).toEqual([
    ...['a', 'a/sub', 'b', 'b/new', 'c', 'c/7', 'file', 'was-file', 'was-file/in', 'was-folder'],
  ])
  expect(await readFile(join(out, 'file'), 'utf8')).toBe('new\n')
  expect(await readFile(join(out, 'was-folder'), 'utf8')).toBe('now\n')
})

test.each([
  ['an absolute link', 'ln -s /tmp way'],
  ['a relative link', 'ln -s ../../../../../tmp way'],
  ['a link to what is not there yet', 'ln -s /nowhere-at-all/x way'],
])('a layer that writes through %s out of the new root is refused', async (_name, script) => {
  await using work = await folder()
  const later = 'mkdir way; echo bad > way/slipway-escaped'
  await expect(layered(work.path, [script, later])).rejects.toThrow('outside of the new root')
  expect(await Bun.file('/tmp/slipway-escaped').exists()).toBe(false)
})

test('a link that stays inside is followed', async () => {
  await using work = await folder()
  const { list } = await layered(work.path, [
    'mkdir -p usr/bin; ln -s usr/bin bin',
    'mkdir -p usr/bin; echo x > usr/bin/tool',
  ])
  expect(list).toEqual(['bin', 'usr', 'usr/bin', 'usr/bin/tool'])
})

test('a full file system is told as that', async () => {
  await using work = await folder()
  const [small, tar] = [join(work.path, 'small'), join(work.path, 'tar')]
  await mkdir(small)
  await sh(
    `mkdir ${work.path}/t; head -c 9M /dev/urandom > ${work.path}/t/big; tar -C ${work.path}/t -cf ${tar} .`,
  )
  await host('mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', small)
  try {
    await expect(
      unpackTar({ log }, await opened(streamOf(tar)), small, undefined),
    ).rejects.toMatchObject({
      code: 'step.disk-full',
      message: expect.stringContaining('make its partition larger'),
    })
  } finally {
    await host('umount', small)
  }
})

test('a damaged stream and a source that breaks are told apart', async () => {
  await using work = await folder()
  const [tree, tar, out] = [join(work.path, 't'), join(work.path, 'tar'), join(work.path, 'out')]
  await mkdir(tree)
  await mkdir(out)
  await sh(`head -c 2M /dev/urandom > ${tree}/x; tar -C ${tree} -cf - . | gzip > ${tar}`)
  const bytes = await readFile(tar)
  const damaged = new Uint8Array(bytes)
  damaged.fill(0, bytes.length / 2, bytes.length / 2 + 5_000)
  async function* of(piece: Uint8Array, error?: Error) {
    yield piece
    if (error) throw error
  }
  await expect(unpackTar({ log }, await opened(of(damaged)), out, undefined)).rejects.toMatchObject(
    {
      code: 'step.command',
      message: expect.stringContaining('gzip'),
    },
  )
  const gone = new Error('the registry went away')
  const half = bytes.subarray(0, bytes.length / 2)
  await expect(unpackTar({ log }, await opened(of(half, gone)), out, undefined)).rejects.toBe(gone)
})

test('what is inside is told by its bytes', async () => {
  await using work = await folder()
  const disk = join(work.path, 'disk')
  await sh(`truncate -s 4M ${disk}; sgdisk --clear --new=1:2048:4095 ${disk}`)
  expect(contentKind((await readFile(disk)).subarray(0, 4_608))).toBe('disk')
  await writeFile(join(work.path, 'x'), 'no archive at all')
  await symlink('x', join(work.path, 'y'))
  const nothing = unpackTar(
    { log },
    await opened(streamOf(join(work.path, 'x'))),
    work.path,
    undefined,
  )
  await expect(nothing).rejects.toMatchObject({ code: 'step.image' })
})
