// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { runBig } from '../oci/big.ts'
import { runSlow } from '../oci/slow.ts'
import { scratch } from './executable.ts'

const GiB = 1_024 ** 3
const silent = () => undefined

test('a blob of 5 GiB goes in and comes out through 256 MiB of memory', async () => {
  await using folder = await scratch()
  const sizeBytes = 5 * GiB + 12_345
  const parts = { folder: folder.path, sizeBytes, built: true, oras: false, tell: silent }
  expect(await runBig(parts)).toEqual([])
}, 300_000)

test('a slow push succeeds, and one that stops is cut and keeps its bytes', async () => {
  await using folder = await scratch()
  const findings = await runSlow({
    ...{ folder: join(folder.path, 'slow'), built: true, tell: silent },
    ...{ sizeBytes: 8_000_000, bytesPerSecond: 1_000_000, idleMs: 3_000 },
  })
  expect(findings).toEqual([])
}, 60_000)
