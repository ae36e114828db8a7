// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createBuffers } from './buffers.ts'

test('a buffer that was given back is dealt out again, and never twice at once', () => {
  const buffers = createBuffers(10, 4)
  const first = buffers.take()
  expect(first).toHaveLength(10)
  expect(buffers.take()).not.toBe(first)
  buffers.give(first)
  expect(buffers.take()).toBe(first)
  expect(buffers.take()).not.toBe(first)
})

test('no more are kept than was said, however many come back', () => {
  const buffers = createBuffers(10, 4)
  const given = Array.from({ length: 100 }, () => buffers.take())
  for (const buffer of given) buffers.give(buffer)
  const again = Array.from({ length: 100 }, () => buffers.take())
  expect(again.filter((buffer) => given.includes(buffer))).toHaveLength(4)
})
