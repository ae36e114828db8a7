// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import type { MediaPlan, MediaSlot, Scheme } from '../../core/jobs/bmc.ts'
import type { JobRun } from '../../core/jobs/run.ts'
import type { MediaImage } from '../../core/media.ts'
import { type PrepareParts, prepareMedia } from './prepare.ts'

const TOKEN = '0123456789abcdef0123456789abcdef'
const image = (etag: string): MediaImage => ({
  sizeBytes: 1,
  etag,
  modifiedAt: 0,
  segments: [],
  regions: [],
})

interface Case {
  readonly plan?: Partial<MediaPlan>
  readonly localAddress?: string
  readonly mediaBaseUrl?: string
  readonly baseUrl?: string
  readonly ports?: Partial<Record<Scheme, number>>
  readonly maintenance?: MediaImage
  readonly otherBuild?: string
  readonly bootImage?: () => Promise<MediaImage>
}

/** A run as far as `prepare` looks at it, and what came of it. */
async function prepare(given: Case = {}) {
  const notes: string[] = []
  const order: string[] = []
  const run = {
    job: { id: 'job-1' },
    machine: { mediaBaseUrl: given.mediaBaseUrl },
    workflow: given.bootImage ? { bootImage: given.bootImage } : {},
    bmc: { localAddress: given.localAddress ?? '10.0.0.1' },
    plan: {
      name: 'two-cd',
      drives: { boot: '/cd1', task: '/cd2' },
      scheme: 'http',
      bootTarget: 'Cd',
      why: '',
      ...given.plan,
    },
    mediaToken: TOKEN,
    media: new Map<MediaSlot, MediaImage>([['task', image('"task"')]]),
    imageUrls: new Map<MediaSlot, string>(),
    note: (level: string, message: string) => void notes.push(`${level}: ${message}`),
  }
  const ports: Partial<Record<Scheme, number>> = given.ports ?? { http: 8080, https: 8444 }
  const parts = {
    store: {
      async hold(jobId: string) {
        order.push(`hold ${jobId}`)
        return given.maintenance
      },
      otherBuild: async () => given.otherBuild,
    },
    configured: async () => void order.push('configured'),
    baseUrl: given.baseUrl ?? '',
    addresses: { fieldPort: (scheme: Scheme) => ports[scheme] },
  }
  await prepareMedia(run as unknown as JobRun, parts as unknown as PrepareParts)
  return {
    urls: Object.fromEntries(run.imageUrls),
    boot: run.media.get('boot')?.etag,
    notes,
    order,
  }
}

const maintenance = image('"maintenance"')
const urlsUnder = (base: string, task = 'task.iso') => ({
  boot: `${base}/media/t/${TOKEN}/boot.iso`,
  task: `${base}/media/t/${TOKEN}/${task}`,
})

describe('image URLs', () => {
  test.each<[string, Case, Record<string, string>]>([
    ['our address towards the controller', {}, urlsUnder('http://10.0.0.1:8080')],
    [
      'https for a controller that takes nothing else',
      { plan: { scheme: 'https' } },
      urlsUnder('https://10.0.0.1:8444'),
    ],
    ['IPv6 in brackets', { localAddress: 'fd00::5' }, urlsUnder('http://[fd00::5]:8080')],
    ['IPv6 without its zone', { localAddress: 'fe80::5%eth0' }, urlsUnder('http://[fe80::5]:8080')],
    [
      'IPv4 of a dual-stack socket',
      { localAddress: '::ffff:10.0.0.1' },
      urlsUnder('http://10.0.0.1:8080'),
    ],
    [
      'the configured base',
      { baseUrl: 'http://media.example:81/' },
      urlsUnder('http://media.example:81'),
    ],
    [
      'the machine’s own base before it',
      { baseUrl: 'http://a', mediaBaseUrl: 'http://b/x//' },
      urlsUnder('http://b/x'),
    ],
    [
      'a configured base although the listener is off',
      { baseUrl: 'http://a', ports: {} },
      urlsUnder('http://a'),
    ],
    [
      'a task image for a USB drive',
      { plan: { name: 'cd-usb' } },
      urlsUnder('http://10.0.0.1:8080', 'task.img'),
    ],
  ])('%s', async (_name, given, urls) => {
    expect((await prepare({ maintenance, ...given })).urls).toEqual(urls)
  })

  test('only slots of the plan get one', async () => {
    const { urls } = await prepare({ maintenance, plan: { drives: { boot: '/cd1' } } })
    expect(Object.keys(urls)).toEqual(['boot'])
  })

  test('a listener that is off is named with its key', async () => {
    await expect(
      prepare({ maintenance, ports: { http: 8080 }, plan: { scheme: 'https' } }),
    ).rejects.toMatchObject({
      code: 'media.listener-off',
      message: expect.stringMatching(/server\.bmc_https .*media\.base_url/),
    })
  })

  test('128 characters are warned of, without the token; 127 are not', async () => {
    const path = `/media/t/${TOKEN}/task.iso`
    const base = `http://${'a'.repeat(127 - 'http://'.length - path.length)}`
    expect((await prepare({ maintenance, baseUrl: base })).notes).toEqual([])
    const { notes } = await prepare({ maintenance, baseUrl: `${base}a` })
    expect(notes).toEqual([
      expect.stringMatching(/^warn: the URL of the boot image has 128 characters/),
      expect.stringMatching(/^warn: the URL of the task image has 128 characters/),
    ])
    expect(notes.join()).not.toContain(TOKEN)
  })

  test('a base of another scheme than the controller takes is warned of', async () => {
    const { notes } = await prepare({ maintenance, baseUrl: 'http://a', plan: { scheme: 'https' } })
    expect(notes).toEqual([
      expect.stringContaining('warn: the controller is known to fetch over https'),
    ])
  })
})

describe('what boots', () => {
  test('the maintenance ISO, held for the job, once a configured one was tried', async () => {
    const { boot, order } = await prepare({ maintenance })
    expect([boot, order]).toEqual(['"maintenance"', ['configured', 'hold job-1']])
  })

  test('one of another build than the appliance boots, and the job says so', async () => {
    const { boot, notes } = await prepare({ maintenance, otherBuild: 'the ISO is of yesterday' })
    expect([boot, notes]).toEqual(['"maintenance"', ['warn: the ISO is of yesterday']])
  })

  test('the workflow’s own image, without a maintenance ISO, also where only one fits', async () => {
    const bootImage = async () => image('"installer"')
    expect((await prepare({ bootImage })).boot).toBe('"installer"')
    const one = { plan: { name: 'one', drives: { boot: '/cd1' } } } as const
    expect(await prepare({ bootImage, ...one })).toMatchObject({ boot: '"installer"', order: [] })
  })

  test('without a maintenance ISO the remedy is told', async () => {
    await expect(prepare()).rejects.toMatchObject({
      code: 'media.no-maintenance-iso',
      message: expect.stringContaining('slipway maintenance import FILE'),
    })
  })
})
