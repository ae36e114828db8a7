// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { waitFor } from './wait.ts'

/** Pauses between looks in ms, measured. */
async function pausesOf(pollMs: number, limitMs: number): Promise<number[]> {
  const looks: number[] = []
  await waitFor({ pollMs, limitMs, signal: AbortSignal.timeout(10_000) }, async () => {
    looks.push(performance.now())
    return undefined
  })
  return looks.slice(1).map((at, index) => at - (looks[index] ?? 0))
}

test('a controller that is done soon is not waited for in long pauses', async () => {
  let looks = 0
  const started = performance.now()
  const seen = await waitFor(
    { pollMs: 60_000, limitMs: 60_000, signal: AbortSignal.timeout(10_000) },
    async () => (++looks === 3 ? 'done' : undefined),
  )
  expect(seen).toBe('done')
  expect(performance.now() - started).toBeLessThan(5_000)
})

test('each pause is longer than the one before, up to poll_ms, and the last ends with the limit', async () => {
  const pauses = await pausesOf(100, 500)
  expect(pauses[0]).toBeGreaterThan(40)
  expect(pauses[1]).toBeGreaterThan(70)
  expect(pauses.length).toBeLessThanOrEqual(7)
})

test('a poll_ms below the first pause holds from the start', async () => {
  const pauses = await pausesOf(5, 60)
  expect(pauses.length).toBeGreaterThan(2)
})
