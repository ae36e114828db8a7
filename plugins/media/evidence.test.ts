// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, describe, expect, jest, test } from 'bun:test'
import type { Sighting } from '../../core/hooks.ts'
import type { Job } from '../../core/jobs/job.ts'
import type { PublishedImage } from '../../core/store/tables.ts'
import { createEvidence } from './evidence.ts'
import { sizeText } from './size-text.ts'

beforeEach(() => void jest.useFakeTimers())
afterEach(() => void jest.useRealTimers())

const SIZE = 1_000_000
const job = { id: 'job-1', launches: 1, powerOnBegunAt: null } as Job

/** An image with a descriptor, an EFI image, and files before and behind it. */
const published = (slot: 'boot' | 'task' = 'boot', etag = '"v1"'): PublishedImage => ({
  slot,
  name: `${slot}.iso`,
  driveUri: '/cd',
  imageUrl: '',
  image: {
    sizeBytes: SIZE,
    etag,
    modifiedAt: 0,
    segments: [],
    regions: [
      { name: 'volume descriptor', start: 32_768, length: 2_048 },
      { name: 'files', start: 40_000, length: 10_000 },
      { name: 'EFI image', start: 60_000, length: 50_000 },
      { name: 'files', start: 200_000, length: 800_000 },
    ],
  },
})

function watch() {
  const sightings: Sighting[] = []
  const evidence = createEvidence({ see: (sighting) => sightings.push(sighting), now: Date.now })
  return {
    evidence,
    sightings,
    /** Sightings since the last call. */
    news: () => sightings.splice(0),
    read(start: number, end: number, of = job, image = published()) {
      const witness = evidence.begin(of, image, 'GET', '10.0.0.5')
      witness.read(start, end)
      witness.end()
    },
  }
}

describe('what becomes a sighting', () => {
  test('the first contact, without bytes; the method is told when it was only HEAD', () => {
    const { evidence, news } = watch()
    evidence.begin(job, published(), 'HEAD', '10.0.0.5').end()
    expect(news()).toEqual([
      {
        job: 'job-1',
        level: 'fetched',
        slot: 'boot',
        fresh: false,
        from: '10.0.0.5',
        detail: 'asked for boot.iso (HEAD only)',
      },
    ])
    evidence.begin(job, published(), 'HEAD', '10.0.0.5').end()
    jest.advanceTimersByTime(60_000)
    expect(news()).toEqual([])
    evidence.begin(job, published('task'), 'GET', '10.0.0.5').end()
    expect(news().map(({ detail }) => detail)).toEqual(['asked for task.iso'])
  })

  test('the first touch of every named region, once a name', () => {
    const { read, news } = watch()
    read(0, 34_000)
    expect(news().slice(1)).toEqual([
      {
        job: 'job-1',
        level: 'fetched',
        slot: 'boot',
        region: 'volume descriptor',
        bytes: 34_000,
        percent: 3,
        fresh: true,
        from: '10.0.0.5',
        detail: 'read the volume descriptor of boot.iso (33.2 KiB, 3 %)',
      },
    ])
    read(34_000, 62_000)
    expect(news().map(({ region }) => region)).toEqual(['files', 'EFI image'])
    read(62_000, 70_000)
    read(200_000, 210_000)
    expect(news()).toEqual([])
  })

  test('every further tenth of distinct bytes', () => {
    const { evidence, news } = watch()
    const witness = evidence.begin(job, published(), 'GET', '10.0.0.5')
    for (let at = 0; at < SIZE; at += 10_000) witness.read(at, at + 10_000)
    witness.end()
    const percents = news().map(({ percent }) => percent)
    expect(percents).toContain(10)
    expect(percents.slice(-9)).toEqual([20, 30, 40, 50, 60, 70, 80, 90, 100])
  })

  test('ends of responses, at most once a second; the last state is always told', () => {
    const { read, news } = watch()
    read(500_000, 502_048)
    news()
    for (let at = 0; at < 20; at++) read(510_000 + 2_048 * at, 512_048 + 2_048 * at)
    expect(news()).toEqual([])
    jest.advanceTimersByTime(1_000)
    expect(news()).toMatchObject([{ bytes: 21 * 2_048, fresh: true, region: 'files', percent: 4 }])
    jest.advanceTimersByTime(60_000)
    expect(news()).toEqual([])
    read(700_000, 702_048)
    expect(news()).toMatchObject([{ bytes: 22 * 2_048, fresh: true }])
  })

  test('reading again what is known: told, not fresh, with the same number of bytes', () => {
    const { read, news } = watch()
    read(500_000, 502_048)
    jest.advanceTimersByTime(5_000)
    news()
    read(500_000, 502_048)
    expect(news()).toMatchObject([{ bytes: 2_048, fresh: false, region: 'files' }])
  })

  test('a long response shows that it lives, every ten seconds', () => {
    const { evidence, news } = watch()
    const witness = evidence.begin(job, published(), 'GET', '10.0.0.5')
    witness.read(500_000, 501_000)
    news()
    for (let second = 1; second <= 35; second++) {
      witness.read(500_000 + 1_000 * second, 501_000 + 1_000 * second)
      jest.advanceTimersByTime(1_000)
    }
    expect(news()).toHaveLength(3)
  })
})

describe('what begins anew', () => {
  test('regions, when the machine is powered on: what it reads then are its own steps', () => {
    const { read, news } = watch()
    read(0, SIZE)
    news()
    read(32_768, 34_816, { ...job, powerOnBegunAt: 5 })
    read(60_000, 70_000, { ...job, powerOnBegunAt: 5 })
    expect(news()).toMatchObject([
      { region: 'volume descriptor', fresh: false, percent: 100 },
      { region: 'EFI image', fresh: false, percent: 100 },
    ])
  })

  test('everything, when another image stands in the slot; what was untold is told before', () => {
    const { read, news } = watch()
    read(500_000, 502_048)
    read(600_000, 602_048)
    news()
    read(500_000, 502_048, job, published('boot', '"v2"'))
    expect(news()).toMatchObject([
      { bytes: 4_096, fresh: true },
      { detail: 'asked for boot.iso' },
      { bytes: 2_048, fresh: true },
    ])
  })

  test('a job that was forgotten; the last state goes out first', () => {
    const { evidence, read, news } = watch()
    read(500_000, 502_048)
    read(600_000, 602_048)
    read(500_000, 502_048, { ...job, id: 'job-2' })
    news()
    evidence.forget('job-1')
    expect(news()).toMatchObject([{ job: 'job-1', bytes: 4_096, fresh: true }])
    jest.advanceTimersByTime(60_000)
    expect(news()).toEqual([])
    read(500_000, 502_048, { ...job, id: 'job-2' })
    expect(news()).toMatchObject([{ job: 'job-2', bytes: 2_048, fresh: false }])
  })
})

test('a flush tells all that is untold, once', () => {
  const { evidence, read, news } = watch()
  for (const id of ['a', 'b']) {
    read(500_000, 502_048, { ...job, id })
    read(600_000, 602_048, { ...job, id })
  }
  news()
  evidence.flush()
  expect(news()).toMatchObject([
    { job: 'a', bytes: 4_096 },
    { job: 'b', bytes: 4_096 },
  ])
  evidence.flush()
  jest.advanceTimersByTime(60_000)
  expect(news()).toEqual([])
})

test.each([
  [0, '0 B'],
  [1_023, '1023 B'],
  [1_024, '1.0 KiB'],
  [3_040_870, '2.9 MiB'],
  [5_368_709_120, '5.0 GiB'],
])('%d bytes are told as %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text)
})
