// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { randomDigests } from './random-images.ts'
import { run } from './real-tools.ts'

const INPUTS = 1_000

test(`${INPUTS} random inputs give the same bytes in two processes, places and time zones`, async () => {
  const [here, there] = await Promise.all([
    randomDigests(INPUTS, false),
    run(
      'env',
      ...[
        '-C',
        '/',
        'TZ=Pacific/Kiritimati',
        'LC_ALL=tr_TR.UTF-8',
        'BUN_RUNTIME_TRANSPILER_CACHE_PATH=0',
      ],
      ...[process.execPath, join(import.meta.dir, 'random-images.ts'), String(INPUTS)],
    ),
  ])
  expect(here).toEqual(JSON.parse(there))
  // Different inputs give different images: the comparison compares something.
  expect(new Set(here).size).toBe(INPUTS)
}, 60_000)
