// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createClockWatch } from './clock.ts'

function watched() {
  const clocks = { wall: 1_000_000, steady: 50 }
  const step = createClockWatch({ now: () => clocks.wall, uptime: () => clocks.steady })
  const pass = (ms: number, setBy = 0) => {
    clocks.wall += ms + setBy
    clocks.steady += ms
  }
  return { step, pass }
}

test('time that passes is no step', () => {
  const { step, pass } = watched()
  for (const ms of [0, 1, 1_000, 86_400_000]) {
    pass(ms)
    expect(step()).toBe(0)
  }
})

test.each([3_600_000, -3_600_000, 5_000, -1_700_000_000_000])(
  'a clock that was set by %p ms is told once',
  (ms) => {
    const { step, pass } = watched()
    pass(20, ms)
    expect(step()).toBe(ms)
    pass(1_000)
    expect(step()).toBe(0)
  },
)

test('what a clock drifts is kept in mind until it counts', () => {
  const { step, pass } = watched()
  pass(1_000, 3_000)
  expect(step()).toBe(0)
  pass(1_000, 3_000)
  expect(step()).toBe(6_000)
})
