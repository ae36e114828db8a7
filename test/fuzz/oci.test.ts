// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createChance } from './chance.ts'
import { openOciRange } from './oci-barrage.ts'

const VOLLEYS = 10
const VOLLEY = 1_000

test('10,000 malformed calls of the registry get answers, and the store is whole afterwards', async () => {
  await using range = await openOciRange()
  const chance = createChance(20_261_129)
  for (let each = 0; each < VOLLEYS; each++) await range.fire(VOLLEY, chance)
  expect(range.findings).toEqual([])
  // It was a barrage, not a row of calls that one check turns away.
  expect([...range.statuses]).toEqual(
    expect.arrayContaining([200, 201, 202, 206, 400, 401, 404, 405, 416]),
  )
  expect(await range.damage()).toEqual([])
}, 240_000)
