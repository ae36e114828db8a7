// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { runRandom } from './random.ts'
import { makeTemplate } from './template.ts'

const SEED = 20_261

test(`20 SIGKILLs at random moments under 20 jobs at once: every job has one end (seed ${SEED})`, async () => {
  await using template = await makeTemplate()
  const outcome = await runRandom(template, { seed: SEED, kills: 20, machines: 20 })
  expect(outcome.findings).toEqual([])
  expect(outcome.jobs).toBeGreaterThanOrEqual(20)
  expect(outcome.succeeded).toBeGreaterThan(0)
}, 600_000)
