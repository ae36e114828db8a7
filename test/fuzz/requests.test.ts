// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { MiB } from '../../core/units.ts'
import { fireRequests, type Outcome } from './barrage.ts'
import { createChance } from './chance.ts'
import { badLines, openRange } from './stage.ts'

/** Nine volleys of requests to the apps; the tenth thousand goes through the sockets (`sockets.test.ts`). */
const VOLLEYS = 9
const VOLLEY = 1_000
/** Malformed requests may fill caches and the database's pages, not more. */
const GROWTH_BYTES = 200 * MiB

test('9,000 malformed requests get answers, and valid jobs between them succeed', async () => {
  await using range = await openRange()
  const chance = createChance(20_240_229)
  const outcome: Outcome = { findings: [], statuses: new Set() }
  const { running, samples } = range
  const volley = () => fireRequests(running, { samples, chance, outcome, count: VOLLEY })
  await volley()
  Bun.gc(true)
  const before = process.memoryUsage.rss()
  for (let each = 1; each < VOLLEYS; each++) {
    await volley()
    if (each % 3 === 0) await range.runValidJob()
  }
  expect(outcome.findings).toEqual([])
  // It was a barrage, not a row of requests that one check turns away.
  expect([...outcome.statuses]).toEqual(
    expect.arrayContaining([200, 201, 202, 204, 400, 401, 404, 409, 413, 502]),
  )
  expect(badLines(running.logged)).toEqual([])
  running.logged.length = 0
  Bun.gc(true)
  expect(process.memoryUsage.rss() - before).toBeLessThan(GROWTH_BYTES)
}, 240_000)
