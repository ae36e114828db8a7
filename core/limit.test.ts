// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { limit } from './limit.ts'

const aborted = (signal: AbortSignal) =>
  new Promise<unknown>((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)))

test('a limit ends its work when the time is up, and says so', async () => {
  using span = limit(1)
  expect(await aborted(span.signal)).toMatchObject({ name: 'TimeoutError' })
  expect(span.isOver).toBe(true)
})

test('a signal ends it before, with its own reason', () => {
  const [stopping, other] = [new AbortController(), new AbortController()]
  using span = limit(60_000, stopping.signal, other.signal)
  expect(span.signal.aborted).toBe(false)
  other.abort(new Error('stop'))
  expect(span.signal.reason).toMatchObject({ message: 'stop' })
  expect(span.isOver).toBe(false)
})

test('a signal that was aborted already ends it at once', () => {
  using span = limit(60_000, AbortSignal.abort(new Error('over')))
  expect(span.signal.reason).toMatchObject({ message: 'over' })
})

test('a limit that is disposed follows nobody any more', async () => {
  const stopping = new AbortController()
  const span = limit(1, stopping.signal)
  span[Symbol.dispose]()
  stopping.abort()
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect([span.signal.aborted, span.isOver]).toEqual([false, false])
})
