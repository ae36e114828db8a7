// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, test } from 'bun:test'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import type { ApiEnv } from '../../core/http/env.ts'
import { onError } from '../../core/http/problem.ts'
import { createLog } from '../../core/log.ts'
import { readImage } from '../../core/media.ts'
import { KiB, MiB } from '../../core/units.ts'
import type { MaintenanceView } from '../../schemas/maintenance.ts'
import { writeIso, writeSampleBootIso } from '../iso/index.ts'
import { mountMaintenance } from './maintenance-routes.ts'
import { createMaintenanceStore } from './maintenance-store.ts'

const NOW = Date.UTC(2026, 10, 22)
/** What the appliance of these tests was built from. */
const OWN = { version: '1.2.0', commit: 'a'.repeat(40), commit_date: '2026-11-01T00:00:00Z' }
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-maintenance-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher('sha256').update(bytes).digest('hex')

async function sampleIso(name = 'sample.iso', sizeBytes = 8 * MiB): Promise<Buffer<ArrayBuffer>> {
  const path = join(folder, name)
  await writeSampleBootIso(path, { sizeBytes })
  return readFileSync(path)
}

/** A body whose length nobody says. */
const streamOf = (...pieces: readonly Uint8Array[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })

/** The API on a real socket, over a store in `folder/data`. */
async function start(path = join(folder, 'data'), own = OWN) {
  const store = createMaintenanceStore(path, () => NOW, own)
  await store.open(async () => true)
  const app = new Hono<ApiEnv>()
  app.use(async (c, next) => {
    c.set('principal', { name: 'alice', role: 'operator', by: 'token' })
    await next()
  })
  app.onError(onError(createLog('silent')))
  mountMaintenance(app, store, own)
  const server = Bun.serve({
    port: 0,
    fetch: (request) => app.fetch(request),
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  })
  const url = `http://127.0.0.1:${server.port}/api/v1/maintenance`
  return {
    store,
    url,
    port: server.port ?? 0,
    put: (body: Uint8Array<ArrayBuffer> | ReadableStream, query = '', headers = {}) =>
      fetch(url + query, { method: 'PUT', body, headers }),
    /** What stands in the folder, the folder of holds apart. */
    files: () =>
      readdirSync(path)
        .filter((name) => name !== 'holds')
        .toSorted(),
    [Symbol.asyncDispose]: () => server.stop(true),
  }
}

const problem = async (answer: Response) => {
  const { code, message } = (await answer.json()) as { code: string; message: string }
  return { status: answer.status, code, message }
}

describe('PUT, GET and DELETE /api/v1/maintenance', () => {
  test('an ISO comes in, is told, is kept over a restart, and goes', async () => {
    const iso = await sampleIso()
    await using api = await start()
    expect(await problem(await fetch(api.url))).toMatchObject({
      status: 404,
      code: 'media.no-maintenance-iso',
    })
    const view = (await (await api.put(iso)).json()) as MaintenanceView
    expect(view).toEqual({
      sha256: sha256(iso),
      size_bytes: iso.length,
      volume_id: expect.stringMatching(/\S/),
      boot: ['bios', 'efi'],
      imported_at: '2026-11-22T00:00:00.000Z',
      source: 'upload by alice',
      warning: expect.stringContaining('no maintenance ISO of Slipway'),
    })
    expect(api.files()).toEqual(['current.json', `maintenance-${sha256(iso)}.iso`])
    await using again = await start()
    expect(await (await fetch(again.url)).json()).toEqual(view)
    expect((await fetch(again.url, { method: 'DELETE' })).status).toBe(204)
    expect(again.files()).toEqual([])
    expect((await fetch(again.url, { method: 'DELETE' })).status).toBe(404)
  })

  test('a stream without a length comes in too; another ISO takes its place', async () => {
    const [first, second] = [await sampleIso('a.iso'), await sampleIso('b.iso', 9 * MiB)]
    await using api = await start()
    const slices = Array.from({ length: 8 }, (_, index) =>
      first.subarray(index * MiB, (index + 1) * MiB),
    )
    expect((await api.put(streamOf(...slices))).status).toBe(200)
    expect((await api.put(second)).status).toBe(200)
    expect(api.files()).toEqual(['current.json', `maintenance-${sha256(second)}.iso`])
  })

  test('the same ISO again changes nothing but the date', async () => {
    const iso = await sampleIso()
    await using api = await start()
    await Promise.all([api.put(iso), api.put(iso), api.put(iso)])
    expect(api.files()).toEqual(['current.json', `maintenance-${sha256(iso)}.iso`])
  })

  const base64 = (bytes: Uint8Array) => Buffer.from(sha256(bytes), 'hex').toString('base64')
  test.each<[string, (iso: Buffer) => [query: string, headers: Record<string, string>]]>([
    ['?sha256', (iso) => [`?sha256=${sha256(iso)}`, {}]],
    ['?sha256 in capitals', (iso) => [`?sha256=${sha256(iso).toUpperCase()}`, {}]],
    ['Digest', (iso) => ['', { digest: `md5=abc, sha-256=${base64(iso)}` }]],
    ['Content-Digest', (iso) => ['', { 'content-digest': `sha-256=:${base64(iso)}:` }]],
  ])('%s is checked', async (_name, say) => {
    const iso = await sampleIso()
    await using api = await start()
    expect((await api.put(iso, ...say(iso))).status).toBe(200)
    expect(await problem(await api.put(iso, ...say(Buffer.from('another'))))).toMatchObject({
      status: 400,
      code: 'media.digest-mismatch',
      message: expect.stringContaining(sha256(iso)),
    })
    expect(api.files()).toEqual(['current.json', `maintenance-${sha256(iso)}.iso`])
  })

  test.each([
    ['a sha256 that is none', '?sha256=abc', {}],
    ['an empty sha256', '?sha256=', {}],
    ['a digest of another kind', '', { digest: 'md5=rL0Y20zC+Fzt72VPzMSk2A==' }],
  ])('%s is refused', async (_name, query, headers) => {
    await using api = await start()
    expect(await problem(await api.put(await sampleIso(), query, headers))).toMatchObject({
      status: 400,
      code: 'media.bad-digest',
    })
    expect(api.files()).toEqual([])
  })
})

describe('what is refused leaves nothing behind', () => {
  const noBoot = async () => {
    const path = join(folder, 'data.iso')
    await writeIso(path, { volumeId: 'DATA', tree: new Map([['/job.json', Buffer.from('{}')]]) })
    return readFileSync(path)
  }
  test.each<[string, () => Promise<Buffer<ArrayBuffer>> | Uint8Array<ArrayBuffer>, RegExp]>([
    ['nothing at all', () => new Uint8Array(0), /no usable ISO 9660/],
    ['text', () => Buffer.from('this is no ISO'), /no usable ISO 9660/],
    ['zeros', () => new Uint8Array(MiB), /no usable ISO 9660/],
    ['an ISO that no machine can start from', noBoot, /no boot catalog/],
    [
      'half an ISO',
      async () => (await sampleIso()).subarray(0, 4 * MiB),
      /cut short|no usable ISO/,
    ],
    [
      'the first 40 KiB',
      async () => (await sampleIso()).subarray(0, 40 * KiB),
      /cut short|no usable ISO/,
    ],
  ])('%s', async (_name, bytes, message) => {
    await using api = await start()
    expect(await problem(await api.put(await bytes()))).toEqual({
      status: 400,
      code: 'media.not-bootable',
      message: expect.stringMatching(message),
    })
    expect(api.files()).toEqual([])
  })

  test('an upload that breaks off', async () => {
    const iso = await sampleIso()
    await using api = await start()
    const socket = connect(api.port, '127.0.0.1')
    socket.write(
      `PUT /api/v1/maintenance HTTP/1.1\r\nHost: x\r\nContent-Length: ${iso.length}\r\n\r\n`,
    )
    socket.write(iso.subarray(0, 2 * MiB))
    while (!api.files().some((name) => name.startsWith('incoming-'))) await Bun.sleep(2)
    socket.destroy()
    while (api.files().length > 0) await Bun.sleep(2)
    expect((await fetch(api.url)).status).toBe(404)
  })

  test('an ISO larger than the free space, before its first byte is taken', async () => {
    await using api = await start()
    const endless = new Response(await sampleIso()).body
    if (!endless) throw new Error('a response has a body')
    const come = api.store.import({ body: endless, source: 'test', announcedBytes: 2 ** 60 })
    await expect(come).rejects.toMatchObject({ code: 'media.disk-full', kind: { status: 507 } })
    expect(api.files()).toEqual([])
  })

  /** A disk of 4 MiB; only root may make one. */
  const disk = () => {
    const path = mkdtempSync(join(folder, 'disk-'))
    const made = Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path])
    return made.exitCode === 0 ? path : undefined
  }

  test.skipIf(process.getuid?.() !== 0)('an ISO on which the disk runs full', async () => {
    const path = disk()
    if (!path) throw new Error('no tmpfs could be mounted')
    try {
      await using api = await start(path)
      const body = streamOf(await sampleIso())
      expect(await problem(await api.put(body))).toMatchObject({
        status: 507,
        code: 'media.disk-full',
        message: `there is no room for the ISO in ${path}: free some space and import it again`,
      })
      expect(api.files()).toEqual([])
    } finally {
      Bun.spawnSync(['umount', path])
    }
  })
})

describe('images of jobs', () => {
  test('an old image stays while a job holds it, over a restart too, and goes with its last job', async () => {
    const [first, second] = [await sampleIso('a.iso'), await sampleIso('b.iso', 9 * MiB)]
    await using api = await start()
    await api.put(first)
    const held = await api.store.hold('job-1')
    await api.store.hold('job-2')
    await api.put(second)
    await api.store.hold('job-3')
    expect(api.files()).toHaveLength(3)
    await api.store.open(async (jobId) => jobId === 'job-2')
    expect(api.files()).toHaveLength(3)
    if (!held) throw new Error('nothing was held')
    const pieces = await Array.fromAsync(readImage(held))
    expect(Buffer.concat(pieces).equals(first)).toBe(true)
    await api.store.release('job-1')
    expect(api.files()).toEqual(['current.json', `maintenance-${sha256(second)}.iso`])
    await fetch(api.url, { method: 'DELETE' })
    expect(api.files()).toEqual([`maintenance-${sha256(second)}.iso`])
    await api.store.release('job-3')
    expect(api.files()).toEqual([])
  })

  test('what a crash left of an upload goes at the next start', async () => {
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data', 'incoming-1'), 'half')
    await using api = await start()
    expect(api.files()).toEqual([])
  })

  test.each<[string, (path: string, iso: Buffer) => void, RegExp]>([
    [
      'a damaged record',
      (path) => writeFileSync(join(path, 'current.json'), '{"sha256":'),
      /current\.json is damaged/,
    ],
    [
      'a file that went',
      (path, iso) => rmSync(join(path, `maintenance-${sha256(iso)}.iso`)),
      /is gone or was changed/,
    ],
    [
      'a file that was cut',
      (path, iso) => truncateSync(join(path, `maintenance-${sha256(iso)}.iso`), 5),
      /is gone or was changed \(5\)/,
    ],
  ])('%s is told with its remedy, and cured by the next import', async (_name, damage, message) => {
    const iso = await sampleIso()
    await using api = await start()
    await api.put(iso)
    damage(join(folder, 'data'), iso)
    expect(await problem(await fetch(api.url))).toMatchObject({
      status: 500,
      code: 'media.storage',
      message: expect.stringMatching(message),
    })
    await expect(api.store.hold('job-1')).rejects.toThrow(message)
    expect((await api.put(iso)).status).toBe(200)
    expect((await fetch(api.url)).status).toBe(200)
  })

  test('the image and its record are for our eyes only', async () => {
    await using api = await start()
    await api.put(await sampleIso())
    for (const name of api.files()) {
      expect(statSync(join(folder, 'data', name)).mode & 0o777).toBe(0o600)
    }
  })
})

describe('executable and maintenance ISO are of one build', () => {
  const BUILD = {
    ...{ schema: 'slipway.maintenance/1', ...OWN },
    ...{ executable_sha256: 'e'.repeat(64), base: 'debian:trixie' },
  }
  const isoOf = async (build: unknown) => {
    const path = join(folder, 'built.iso')
    const text = typeof build === 'string' ? build : JSON.stringify(build)
    const files = { '/boot.img': new Uint8Array(2_048), '/slipway.json': Buffer.from(text) }
    const tree = new Map(Object.entries(files))
    await writeIso(path, { volumeId: 'LIVE', tree, boot: { bios: { path: '/boot.img' } } })
    return readFileSync(path)
  }

  test('that of its own build is taken, and what is in it is told', async () => {
    await using api = await start()
    const view = (await (await api.put(await isoOf(BUILD))).json()) as MaintenanceView
    const { schema: _, ...build } = BUILD
    expect(view.build).toEqual(build)
    expect(view).not.toHaveProperty('warning')
    expect(await api.store.otherBuild()).toBeUndefined()
  })

  test.each([
    [
      'another commit',
      { ...BUILD, commit: 'b'.repeat(40) },
      /1\.2\.0 \(bbbbbbbbbbbb\).*\(aaaaaaaaaaaa\)/,
    ],
    ['another version', { ...BUILD, version: '1.1.0' }, /1\.1\.0 .*1\.2\.0/],
    ['the same commit and changes', { ...BUILD, commit: `${OWN.commit}-dirty` }, /-dirty\)/],
    [
      'a later kind of image',
      { ...BUILD, schema: 'slipway.maintenance/2' },
      /damaged, or of a later/,
    ],
    ['words that are no JSON', 'half {', /damaged/],
  ])('one of %s is refused with the remedy, unless it is meant', async (_name, build, words) => {
    await using api = await start()
    const iso = await isoOf(build)
    const refused = await problem(await api.put(iso))
    expect(refused).toMatchObject({ status: 409, code: 'media.other-build' })
    expect(refused.message).toMatch(words)
    expect(refused.message).toContain('import the maintenance.iso that came with this executable')
    expect(api.files()).toEqual([])
    const response = await api.put(iso, '?any_build=true')
    expect(response.status).toBe(200)
    const view = (await response.json()) as MaintenanceView
    expect(view.warning).toMatch(words)
  })

  test('an appliance that is updated says that its ISO is of yesterday', async () => {
    const path = join(folder, 'data')
    {
      await using api = await start(path)
      await api.put(await isoOf(BUILD))
    }
    await using later = await start(path, { ...OWN, version: '1.3.0', commit: 'c'.repeat(40) })
    const view = (await (await fetch(later.url)).json()) as MaintenanceView
    expect(view.warning).toContain('this appliance of 1.3.0 (cccccccccccc)')
    expect(await later.store.otherBuild()).toBe(view.warning)
  })

  test('from source nobody knows whether they fit: said, not refused', async () => {
    await using api = await start(undefined, { ...OWN, commit: 'source' })
    const response = await api.put(await isoOf(BUILD))
    expect(response.status).toBe(200)
    expect(((await response.json()) as MaintenanceView).warning).toContain('runs from source')
  })
})
