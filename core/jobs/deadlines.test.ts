// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import * as v from 'valibot'
import { newJob } from '../../test/job-row.ts'
import { CoreConfig } from '../config.ts'
import type { GivenImage } from '../store/tables.ts'
import { HOUR, MINUTE } from '../units.ts'
import { deadlineOf, fetchedWhole } from './deadlines.ts'
import type { Job } from './job.ts'

const ON = 1_800_000_000_000
const { limits } = v.parse(CoreConfig, {})

const boot = { slot: 'boot', sizeBytes: 1_000 } as GivenImage

/** A job that was powered on and not heard of since. */
const launched = (more: Partial<Job>): Job =>
  ({
    ...newJob({ status: 'provisioning', media: [boot] }),
    ...{
      poweredOnAt: ON,
      firstReadAt: null,
      lastFreshReadAt: null,
      claimedAt: null,
      heardAt: null,
    },
    ...more,
  }) as Job

const read = { firstReadAt: ON + MINUTE, lastFreshReadAt: ON + 2 * MINUTE }
const claimed = { ...read, claimedAt: ON + 5 * MINUTE, heardAt: ON + 5 * MINUTE }

test.each<[string, Partial<Job>, 'media' | 'claim' | 'report', number]>([
  ['nothing was read', {}, 'media', ON + 15 * MINUTE],
  [
    'the BMC fetched a part before power on',
    { bytesRead: { boot: 999 } },
    'media',
    ON + 15 * MINUTE,
  ],
  [
    'the BMC fetched all before power on',
    { bytesRead: { boot: 1_000 } },
    'claim',
    ON + 30 * MINUTE,
  ],
  ['only the task medium was fetched', { bytesRead: { task: 1_000 } }, 'media', ON + 15 * MINUTE],
  ['it reads', read, 'claim', ON + 32 * MINUTE],
  ['it read what it had read before', { firstReadAt: ON + MINUTE }, 'claim', ON + 30 * MINUTE],
  ['it said that it boots', { ...read, heardAt: ON + 9 * MINUTE }, 'claim', ON + 32 * MINUTE],
  ['it claimed', claimed, 'report', ON + 5 * MINUTE + 4 * HOUR],
  ['it made progress', { ...claimed, heardAt: ON + HOUR }, 'report', ON + 5 * HOUR],
  ['we were down', { ...claimed, pausedMs: HOUR }, 'report', ON + 5 * MINUTE + 5 * HOUR],
  ['we were down before a read', { pausedMs: MINUTE }, 'media', ON + 16 * MINUTE],
  ['a foreign image was not read', { expectsClaim: false }, 'media', ON + 15 * MINUTE],
  ['a foreign image was read', { expectsClaim: false, ...read }, 'report', ON + 4 * HOUR],
  [
    'a foreign image was fetched whole',
    { expectsClaim: false, bytesRead: { boot: 1_000 } },
    'report',
    ON + 4 * HOUR,
  ],
])('%s: waits for it', (_, more, waitsFor, at) => {
  expect(deadlineOf(launched(more), limits)).toEqual({ for: waitsFor, at })
})

test('a job without images was not fetched whole', () => {
  expect(fetchedWhole(launched({ media: [], bytesRead: { boot: 5 } }))).toBe(false)
})
