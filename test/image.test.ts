// SPDX-License-Identifier: AGPL-3.0-or-later
/** Images from our own registry, over TLS, onto real file systems on real block devices. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { thisMachine } from '../appliance/dispatcher/machine-os.ts'
import { bootloaderLinux } from '../appliance/dispatcher-steps/bootloader-linux.ts'
import { configDrive } from '../appliance/dispatcher-steps/config-drive.ts'
import { imageLinux } from '../appliance/dispatcher-steps/image-linux.ts'
import { partition } from '../appliance/dispatcher-steps/partition.ts'
import type { Step } from '../appliance/dispatcher-steps/step.ts'
import { runStep } from '../appliance/dispatcher-steps/step.ts'
import { host, loopDisk, testStep } from '../appliance/dispatcher-steps/test-bed.ts'
import { MINUTE, MiB } from '../core/units.ts'
import { type RunningAppliance, startAppliance } from './harness.ts'

const LOGIN = { user: 'machine', password: 'correct horse machine' }
const sh = (script: string) => host('sh', '-euc', script)

let running: RunningAppliance
let work: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'slipway-images-'))
  running = await startAppliance()
  const { status } = await running.send('POST', '/api/v1/users', {
    ...{ name: LOGIN.user, password: LOGIN.password, role: 'viewer' },
  })
  expect(status).toBe(201)
})
afterAll(async () => {
  await running[Symbol.asyncDispose]()
  await rm(work, { recursive: true, force: true })
})

const ca = () => running.appliance.certificates.caPem
const port = () =>
  Number(new URL(running.listeners.open.find(({ url }) => url.startsWith('https'))?.url ?? '').port)

async function put(path: string, body: Uint8Array | string, type = 'application/octet-stream') {
  const response = await fetch(`https://127.0.0.1:${port()}/v2/${path}`, {
    method: path.includes('/uploads/') ? 'POST' : 'PUT',
    headers: { Authorization: `Bearer ${running.adminToken}`, 'Content-Type': type },
    body: body as Uint8Array<ArrayBuffer>,
    tls: { ca: ca() },
  })
  expect({ path, status: response.status }).toEqual({ path, status: 201 })
}

const digestOf = (bytes: Uint8Array | string) =>
  `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`

async function pushBlob(repository: string, bytes: Uint8Array, mediaType: string, title?: string) {
  const digest = digestOf(bytes)
  await put(`${repository}/blobs/uploads/?digest=${digest}`, bytes)
  const annotations = title && { 'org.opencontainers.image.title': title }
  return { mediaType, digest, size: bytes.length, ...(annotations ? { annotations } : {}) }
}

type Blob = Awaited<ReturnType<typeof pushBlob>>
const MANIFEST = 'application/vnd.oci.image.manifest.v1+json'

async function pushManifest(repository: string, tag: string, configType: string, layers: Blob[]) {
  const config = await pushBlob(repository, new TextEncoder().encode('{}'), configType)
  const text = JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST, config, layers })
  await put(`${repository}/manifests/${tag}`, text, MANIFEST)
  return { mediaType: MANIFEST, digest: digestOf(text), size: text.length }
}

/** A tar of what the script makes in an empty folder. */
async function tarOf(script: string, packer = 'cat'): Promise<Uint8Array> {
  const tree = await mkdtemp(join(work, 'tree-'))
  await sh(`cd ${tree}; ${script}`)
  await sh(`tar -C ${tree} --xattrs --xattrs-include='*' -S -cf - . | ${packer} > ${tree}.tar`)
  return await readFile(`${tree}.tar`)
}

const CONTAINER = 'application/vnd.oci.image.config.v1+json'
const LAYER = 'application/vnd.oci.image.layer.v1.tar+gzip'

interface Installing {
  readonly ociUrl: string
  readonly port?: number
  readonly rootSize?: string
  readonly step?: Step
  readonly now?: () => number
  readonly registry?: {
    readonly base_url: string
    readonly user: string
    readonly password: string
  }
}

/** Divides a disk and runs the image step on it; what came of it. */
async function install(how: Installing, look: (root: string) => Promise<void> = async () => {}) {
  await using disk = await loopDisk(400 * MiB)
  const layout = [
    { size: how.rootSize ?? '200M', format: 'ext4', mountpoint: '/' },
    { size: '32M', format: 'ext4', mountpoint: '/home' },
  ]
  const base = `https://127.0.0.1:${how.port ?? port()}`
  await using step = await testStep(
    { path: disk.path, sizeBytes: 400 * MiB },
    { oci_url: how.ociUrl, partition_layout: layout },
    { base_urls: [base], ca_pem: ca(), registry: how.registry ?? { base_url: base, ...LOGIN } },
  )
  await partition.apply(step.context)
  const os = { ...thisMachine(), ...(how.now ? { elapsed: how.now } : {}) }
  const { folder, lines } = step
  const write = (line: string) => void lines.push(line)
  const unit = 'image-linux.service'
  const { newRoot } = step.context
  const code = await runStep(imageLinux, { os, folder, unit, planOnly: false, write, newRoot })
  const mounted = await readFile('/proc/mounts', 'utf8')
  expect(mounted).not.toContain(disk.path)
  const at = await mkdtemp(join(tmpdir(), 'slipway-look-'))
  await host('e2fsck', '-fn', `${disk.path}p1`)
  await host('mount', '-o', 'ro', `${disk.path}p1`, at)
  try {
    if (code === 0) await look(at)
  } finally {
    await host('umount', at)
    await rm(at, { recursive: true })
  }
  const news = await step.news()
  return { code, lines, news, failed: news.find(({ failed }) => failed !== undefined)?.['failed'] }
}

test('a container image is unpacked layer by layer, onto all its partitions', async () => {
  const layers = [
    await pushBlob(
      'os/app',
      await tarOf(
        'mkdir -p etc home/ada; echo 1 > etc/release; echo x > etc/gone; echo hi > home/ada/note',
        'gzip',
      ),
      LAYER,
    ),
    await pushBlob(
      'os/app',
      await tarOf('mkdir -p etc; touch etc/.wh.gone; echo 2 > etc/release', 'gzip'),
      LAYER,
    ),
  ]
  await pushManifest('os/app', '1', CONTAINER, layers)
  const { code, news } = await install({ ociUrl: 'os/app:1' }, async (root) => {
    expect(await readFile(join(root, 'etc/release'), 'utf8')).toBe('2\n')
    expect(await readdir(join(root, 'etc'))).toEqual(['release'])
    // On a partition of its own: here is only its place.
    expect(await readdir(join(root, 'home'))).toEqual([])
  })
  expect(code).toBe(0)
  const total = layers.reduce((sum, { size }) => sum + size, 0)
  expect(news).toContainEqual({
    ...{ step: 'image-linux.service', bytes: total, total_bytes: total, percent: 100 },
  })
}, 30_000)

test('an artifact is found for this machine in an index, and goes on over a line that breaks', async () => {
  const bytes = await tarOf(
    'mkdir -p etc; echo big > etc/os-release; head -c 12M /dev/urandom > blob',
    'zstd -q',
  )
  const layer = await pushBlob(
    'os/big',
    bytes,
    'application/vnd.example.rootfs.tar+zstd',
    'root.tar.zst',
  )
  const manifest = await pushManifest('os/big', 'amd64', 'application/vnd.oci.empty.v1+json', [
    layer,
  ])
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const INDEX = 'application/vnd.oci.image.index.v1+json'
  const other = { ...manifest, platform: { os: 'linux', architecture: 's390x' } }
  const mine = { ...manifest, platform: { os: 'linux', architecture } }
  const index = JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [other, mine] })
  await put('os/big/manifests/all', index, INDEX)

  await using proxy = await cuttingProxy(port(), [2 * MiB, 3 * MiB, 4 * MiB])
  const { code, lines } = await install(
    { ociUrl: `os/big@${digestOf(index)}`, port: proxy.port },
    async (root) => {
      expect(await readFile(join(root, 'etc/os-release'), 'utf8')).toBe('big\n')
      expect(Bun.file(join(root, 'blob')).size).toBe(12 * MiB)
    },
  )
  expect({ code, lines: code === 0 ? [] : lines }).toEqual({ code: 0, lines: [] })
  expect(proxy.cuts).toBe(3)
  // Each byte once, and what was under way at the cuts.
  expect(proxy.bytes).toBeLessThan(18 * MiB)
}, 30_000)

test('an image that is missing is named, and nothing stays mounted', async () => {
  const { code, failed } = await install({ ociUrl: 'os/nowhere:1' })
  expect(code).toBe(1)
  expect(failed).toContain('os/nowhere')
}, 30_000)

test('a login that is wrong is told as that', async () => {
  const registry = { base_url: `https://127.0.0.1:${port()}`, user: 'machine', password: 'wrong' }
  const { failed } = await install({ ociUrl: 'os/app:1', registry })
  expect(failed).toMatch(/log in|login/)
  expect(failed).not.toContain('wrong')
}, 30_000)

test('an image that is larger than its partition is told as that', async () => {
  const bytes = await tarOf('head -c 60M /dev/urandom > blob')
  const layer = await pushBlob('os/fat', bytes, 'application/x-tar', 'root.tar')
  await pushManifest('os/fat', '1', 'application/vnd.oci.empty.v1+json', [layer])
  const { code, failed } = await install({ ociUrl: 'os/fat:1', rootSize: '40M' })
  expect(code).toBe(1)
  expect(failed).toContain('make its partition larger')
}, 30_000)

test('an artifact without one root file system is refused with what it holds', async () => {
  const [note, other] = [
    await pushBlob('os/mixed', new TextEncoder().encode('x'), 'text/plain', 'README'),
    await pushBlob('os/mixed', new TextEncoder().encode('y'), 'text/plain', 'NOTICE'),
  ]
  await pushManifest('os/mixed', '1', 'application/vnd.oci.empty.v1+json', [note, other])
  expect((await install({ ociUrl: 'os/mixed:1' })).failed).toContain('it holds README, NOTICE')
}, 30_000)

/** A disk of 96 MiB with a system on its second partition, as its bytes. */
async function diskImage(label: string): Promise<Uint8Array> {
  await using disk = await loopDisk(96 * MiB)
  await sh(`sgdisk --clear --new=1:2048:+8M --typecode=1:0700 --new=2:0:0 ${disk.path} && partx --update ${disk.path}
    mkfs.vfat -n ${label} ${disk.path}p1; mkfs.ext4 -q ${disk.path}p2
    mkdir ${work}/made; mount ${disk.path}p2 ${work}/made
    mkdir ${work}/made/etc; echo ID=made > ${work}/made/etc/os-release; umount ${work}/made; rmdir ${work}/made
    sync; zstd -q -1 -f ${disk.path} -o ${work}/made.zst`)
  return await readFile(`${work}/made.zst`)
}

async function pushDisk(tag: string, bytes: Uint8Array): Promise<string> {
  const layer = await pushBlob('os/disk', bytes, 'application/octet-stream', 'disk.raw.zst')
  await pushManifest('os/disk', tag, 'application/vnd.oci.empty.v1+json', [layer])
  return `os/disk:${tag}`
}

test.each(['CIDATA', 'OTHER'])(
  'an image of a whole disk with a partition %s takes the place of the layout',
  async (label) => {
    const oci_url = await pushDisk(label.toLowerCase(), await diskImage(label))
    await using disk = await loopDisk(400 * MiB)
    const base_url = `https://127.0.0.1:${port()}`
    await using step = await testStep(
      { path: disk.path, sizeBytes: 400 * MiB },
      {
        oci_url,
        partition_layout: [{ size: '100%', format: 'ext4', label: 'GONE', mountpoint: '/' }],
      },
      { base_urls: [base_url], ca_pem: ca(), registry: { base_url, ...LOGIN } },
      { 'user-data': '#cloud-config\n{}\n' },
    )
    for (const each of [partition, imageLinux, bootloaderLinux, configDrive]) {
      await each.apply(step.context)
    }
    expect(await host('sgdisk', '--verify', disk.path)).toContain('No problems found')
    expect(await sh(`blkid --probe -o value -s LABEL ${disk.path}p1`)).toBe(label)
    await host('e2fsck', '-fn', `${disk.path}p2`)
    const at = await mkdtemp(join(tmpdir(), 'slipway-look-'))
    await host('mount', '-o', 'ro', `${disk.path}p2`, at)
    try {
      expect(await readFile(join(at, 'etc/os-release'), 'utf8')).toBe('ID=made\n')
      // cloud-init finds its data on the drive that the image has for it, else in the system.
      const seed = await readdir(join(at, 'var/lib/cloud/seed/nocloud')).catch((): string[] => [])
      const drive = await host('mdir', '-b', '-i', `${disk.path}p1`, '::/').catch(() => '')
      expect({ seed: seed.includes('user-data'), drive: drive.includes('user-data') }).toEqual({
        ...{ seed: label !== 'CIDATA', drive: label === 'CIDATA' },
      })
    } finally {
      await host('umount', at)
      await rm(at, { recursive: true })
    }
  },
  60_000,
)

test('an image of a disk that is larger than the disk is told as that', async () => {
  const oci_url = await pushDisk('large', await diskImage('LARGE'))
  await using disk = await loopDisk(64 * MiB)
  const base_url = `https://127.0.0.1:${port()}`
  await using step = await testStep(
    { path: disk.path, sizeBytes: 64 * MiB },
    { oci_url, partition_layout: [{ size: '100%', format: 'ext4', mountpoint: '/' }] },
    { base_urls: [base_url], ca_pem: ca(), registry: { base_url, ...LOGIN } },
  )
  await expect(imageLinux.apply(step.context)).rejects.toMatchObject({
    code: 'step.disk-too-small',
  })
}, 60_000)

/** A registry that gives other bytes than it promised, in plain HTTP. */
test('bytes that are others than the digest says fail the step, though they unpack', async () => {
  const good = await tarOf('mkdir etc; echo good > etc/x')
  const bad = await tarOf('mkdir etc; echo evil > etc/x')
  expect(bad.length).toBe(good.length)
  const layer = { mediaType: 'application/x-tar', digest: digestOf(good), size: good.length }
  const config = { mediaType: 'application/vnd.oci.empty.v1+json', digest: digestOf('{}'), size: 2 }
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config,
    layers: [layer],
  })
  await using lying = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: ({ url }) =>
      url.includes('/manifests/')
        ? new Response(manifest, { headers: { 'Content-Type': MANIFEST } })
        : new Response(new Uint8Array(bad)),
  })
  const registry = { base_url: `http://127.0.0.1:${lying.port}`, ...LOGIN }
  const { code, failed } = await install({ ociUrl: 'os/lie:1', registry })
  expect(code).toBe(1)
  expect(failed).toContain('other bytes than its digest says')
}, 30_000)

test('a registry that is gone for good is given up, with its address', async () => {
  let at = Date.now()
  const now = () => {
    at += 6 * MINUTE
    return at
  }
  const registry = { base_url: 'https://127.0.0.1:9', ...LOGIN }
  const { code, failed } = await install({ ociUrl: 'os/app:1', registry, now })
  expect(code).toBe(1)
  expect(failed).toContain('127.0.0.1:9')
}, 30_000)

/** Passes TCP on, and breaks the line after so many bytes to the client, one figure a time. */
async function cuttingProxy(target: number, cutAfter: readonly number[]) {
  const state = { bytes: 0, cuts: 0, since: 0 }
  const open = new Set<{ destroy(): void }>()
  const server = createServer((client) => {
    const up = connect(target, '127.0.0.1')
    for (const socket of [client, up]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        client.destroy()
        up.destroy()
      })
    }
    client.on('data', (piece) => up.write(piece))
    up.on('data', (piece) => {
      state.bytes += piece.length
      state.since += piece.length
      const limit = cutAfter[state.cuts]
      if (limit !== undefined && state.since > limit) {
        state.cuts += 1
        state.since = 0
        for (const socket of open) socket.destroy()
        open.clear()
      } else if (!client.write(piece)) {
        up.pause()
        client.once('drain', () => up.resume())
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return state.cuts
    },
    get bytes() {
      return state.bytes
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
