// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'bun:test'
import { callerOf, createThrottle } from './throttle.ts'

const clock = () => {
  const time = { at: 1_000_000 }
  return { now: () => time.at, pass: (ms: number) => (time.at += ms) }
}

describe('a throttle', () => {
  test('lets the limit pass, then tells how long to wait', () => {
    const { now, pass } = clock()
    const throttle = createThrottle({ limit: 3, windowMs: 60_000, now })
    for (const _ of [1, 2, 3]) {
      expect(throttle.waitSeconds('a')).toBe(0)
      throttle.hit('a')
      pass(10_000)
    }
    expect(throttle.waitSeconds('a')).toBe(30)
    expect(throttle.waitSeconds('b')).toBe(0)
    pass(29_999)
    expect(throttle.waitSeconds('a')).toBe(1)
    pass(1)
    expect(throttle.waitSeconds('a')).toBe(0)
    throttle.hit('a')
    expect(throttle.waitSeconds('a')).toBe(10)
  })

  test('slides: a burst over the edge of a minute counts as one', () => {
    const { now, pass } = clock()
    const throttle = createThrottle({ limit: 4, windowMs: 60_000, now })
    pass(59_000)
    throttle.hit('a')
    throttle.hit('a')
    pass(2_000)
    throttle.hit('a')
    throttle.hit('a')
    expect(throttle.waitSeconds('a')).toBe(58)
  })

  test('takes back one hit, not the others', () => {
    const { now } = clock()
    const throttle = createThrottle({ limit: 2, windowMs: 60_000, now })
    throttle.hit('a')
    const takeBack = throttle.hit('a')
    expect(throttle.waitSeconds('a')).toBe(60)
    takeBack()
    expect(throttle.waitSeconds('a')).toBe(0)
    throttle.hit('a')
    expect(throttle.waitSeconds('a')).toBe(60)
  })

  test('forgets a key whose only hit was taken back', () => {
    const throttle = createThrottle({ limit: 2, windowMs: 60_000, now: clock().now })
    throttle.hit('a')()
    expect(throttle.size).toBe(0)
  })

  test('keeps no more keys than told, and the one hit last is not the one that goes', () => {
    const { now, pass } = clock()
    const throttle = createThrottle({ limit: 1, windowMs: 60_000, now, largest: 100 })
    throttle.hit('victim')
    for (let i = 0; i < 1_000; i++) {
      pass(1)
      throttle.hit(`noise ${i}`)
      if (i % 50 === 0) throttle.hit('victim')
    }
    expect(throttle.size).toBe(100)
    expect(throttle.waitSeconds('victim')).toBeGreaterThan(0)
    expect(throttle.waitSeconds('noise 0')).toBe(0)
  })
})

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['2001:0:0:0:0:0:0:1', '2001:0:0:0::/64'],
  ['1:2:3:4:5:6:7::', '1:2:3:4::/64'],
  ['', ''],
])('the caller at %p is %p', (address, caller) => expect(callerOf(address)).toBe(caller))
