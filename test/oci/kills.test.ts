// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { runKills } from './kills.ts'

test('thirty kills under load lose nothing that was acknowledged', async () => {
  const { acknowledged, findings } = await runKills({ kills: 30, seed: 7 })
  expect(findings).toEqual([])
  expect(acknowledged).toBeGreaterThan(100)
}, 240_000)
