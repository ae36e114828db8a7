// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import * as v from 'valibot'
import { createField, openField } from '../../appliance/field.ts'
import { createHooks, type Sighting } from '../../core/hooks.ts'
import type { ApiEnv } from '../../core/http/env.ts'
import type { Job } from '../../core/jobs/job.ts'
import type { JobRun } from '../../core/jobs/run.ts'
import { createLog } from '../../core/log.ts'
import type { MediaImage } from '../../core/media.ts'
import type { Host } from '../../core/plugin.ts'
import { MiB } from '../../core/units.ts'
import { writeSampleBootIso } from '../iso/index.ts'
import { media } from './index.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-media-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

async function until(condition: () => boolean | Promise<boolean>) {
  for (const deadline = Date.now() + 4_000; !(await condition()); await Bun.sleep(2)) {
    if (Date.now() > deadline) throw new Error('waited in vain')
  }
}

/** The plugin on real hooks, a real field port and the API in memory; the store of jobs is the edge. */
async function start(config: Record<string, unknown> = {}) {
  const hooks = createHooks()
  const sightings: Sighting[] = []
  let job = {
    id: 'job-1',
    status: 'provisioning',
    cleanup: null,
    launches: 0,
    mediaValid: true,
  } as Job
  let images: {
    slot: 'boot'
    name: string
    driveUri: string
    imageUrl: string
    image: MediaImage
  }[] = []
  const host = {
    hooks,
    jobs: {
      get: async (id: string) => (id === job.id ? job : undefined),
      byMediaToken: async (token: string) =>
        token === TOKEN && job.mediaValid ? { job, images } : undefined,
    },
    addresses: { fieldPort: () => open.port },
    dataDir: join(folder, 'media'),
    log: createLog('silent'),
    now: Date.now,
    see: (sighting: Sighting) => void sightings.push(sighting),
  }
  media.setup(host as unknown as Host, v.parse(media.config, config))
  const field = createField()
  const api = new Hono<ApiEnv>()
  api.use(async (c, next) => {
    c.set('principal', { name: 'alice', role: 'operator', by: 'token' })
    await next()
  })
  hooks.routes.call({ api, open: new Hono<ApiEnv>(), field, describe: () => undefined })
  const open = await openField({ listen: '127.0.0.1:0', field, log: host.log })
  const scope = new AsyncDisposableStack()
  scope.use(open)
  await hooks.start.promise(scope)
  return {
    hooks,
    api,
    sightings,
    /** The row changes, and the watchers are told. */
    change(to: Partial<Job>) {
      job = { ...job, ...to }
      hooks.changed.call(job)
    },
    /** Runs `prepare` and publishes the boot image. */
    async prepare() {
      const steps: string[] = []
      const run = {
        job,
        machine: {},
        workflow: {},
        bmc: { localAddress: '127.0.0.1' },
        plan: { name: 'two-cd', drives: { boot: '/cd1' }, scheme: 'http' },
        mediaToken: TOKEN,
        media: new Map(),
        imageUrls: new Map(),
        async step<T>(name: string, work: (signal: AbortSignal) => Promise<T>) {
          steps.push(name)
          return await work(AbortSignal.timeout(5_000))
        },
        note() {},
      } as unknown as JobRun
      await hooks.prepare.promise(run)
      const image = run.media.get('boot')
      const imageUrl = run.imageUrls.get('boot') ?? ''
      if (image) images = [{ slot: 'boot', name: 'boot.iso', driveUri: '/cd1', imageUrl, image }]
      return { steps, imageUrl }
    },
    files: () => readdirSync(join(folder, 'media')).filter((name) => name.endsWith('.iso')),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  }
}

async function isoOf(sizeBytes: number) {
  const path = join(folder, `${sizeBytes}.iso`)
  await writeSampleBootIso(path, { sizeBytes })
  return path
}

test('from the import to the boot image that a BMC reads, until the token is over', async () => {
  await using appliance = await start()
  await expect(appliance.prepare()).rejects.toMatchObject({ code: 'media.no-maintenance-iso' })
  const iso = Bun.file(await isoOf(4 * MiB))
  const put = await appliance.api.request('/api/v1/maintenance', { method: 'PUT', body: iso })
  expect(put.status).toBe(200)

  const { steps, imageUrl } = await appliance.prepare()
  expect(steps).toEqual(['media.prepare'])
  const bytes = await iso.bytes()
  const answer = await fetch(imageUrl)
  expect(Buffer.from(await answer.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true)
  await until(() => appliance.sightings.at(-1)?.percent === 100)
  const regions = appliance.sightings.flatMap(({ region }) => region ?? [])
  expect(regions).toEqual(
    expect.arrayContaining(['volume descriptor', 'boot catalog', 'EFI image']),
  )

  appliance.change({ mediaValid: false })
  expect((await fetch(imageUrl)).status).toBe(404)
})

test('an old maintenance ISO goes when its job is complete, not while its cleanup is pending', async () => {
  await using appliance = await start()
  const put = async (path: string) =>
    appliance.api.request('/api/v1/maintenance', { method: 'PUT', body: Bun.file(path) })
  await put(await isoOf(4 * MiB))
  await appliance.prepare()
  await put(await isoOf(5 * MiB))
  appliance.change({ status: 'complete', cleanup: 'pending' })
  expect(appliance.files()).toHaveLength(2)
  appliance.change({ cleanup: 'done' })
  await until(() => appliance.files().length === 1)
})

test('a job waits for the configured ISO; readiness says what is missing', async () => {
  const path = await isoOf(4 * MiB)
  await using appliance = await start({ maintenance_iso: path })
  await appliance.prepare()
  await appliance.hooks.ready.promise()

  await using other = await start({ maintenance_iso: join(folder, 'nowhere.iso') })
  await until(async () => {
    const error = await other.hooks.ready.promise().catch((cause: Error) => cause)
    return error instanceof Error && error.message.includes('nowhere.iso can not be read')
  })
})

test('readiness fails when the folder is gone', async () => {
  await using appliance = await start()
  await appliance.hooks.ready.promise()
  rmSync(join(folder, 'media'), { recursive: true })
  await expect(appliance.hooks.ready.promise()).rejects.toMatchObject({ code: 'media.storage' })
})

test('what is untold is told at the stop', async () => {
  const appliance = await start({ maintenance_iso: await isoOf(4 * MiB) })
  const { imageUrl } = await appliance.prepare()
  await (await fetch(imageUrl, { headers: { range: 'bytes=3000000-3000099' } })).arrayBuffer()
  await (await fetch(imageUrl, { headers: { range: 'bytes=3500000-3500099' } })).arrayBuffer()
  await until(() => appliance.sightings.length >= 2)
  await appliance[Symbol.asyncDispose]()
  expect(appliance.sightings.at(-1)).toMatchObject({ bytes: 200, fresh: true })
})

test.each([
  ['a key that does not exist', { base_ur: 'http://a' }],
  ['a base that is no URL', { base_url: 'media.example' }],
  ['an ISO that is no URL', { maintenance_iso: 'http://[' }],
  ['a sha256 that is none', { maintenance_sha256: 'abc' }],
])('the configuration refuses %s', (_name, config) => {
  expect(v.safeParse(media.config, config).success).toBe(false)
})
