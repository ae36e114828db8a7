// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createLocks } from './locks.ts'

/** Work that says when it begins and ends, and ends when told. */
function piece(said: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    end: resolve,
    async work() {
      said.push(`${name} begins`)
      await promise
      said.push(`${name} ends`)
      return name
    },
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('those who share a key run together; who wants it alone waits for them, and they for him', async () => {
  const locks = createLocks()
  const said: string[] = []
  const [a, b, lone, late] = ['a', 'b', 'lone', 'late'].map((name) => piece(said, name))
  if (!a || !b || !lone || !late) throw new Error('four pieces')
  const all = [
    locks.shared('key', a.work),
    locks.shared('key', b.work),
    locks.alone('key', lone.work),
    locks.shared('key', late.work),
  ]
  for (const each of [a, b, lone, late]) {
    await turn()
    each.end()
  }
  expect(await Promise.all(all)).toEqual(['a', 'b', 'lone', 'late'])
  expect(said).toEqual([
    ...['a begins', 'b begins', 'a ends', 'b ends'],
    ...['lone begins', 'lone ends', 'late begins', 'late ends'],
  ])
})

test('another key is another lock, and a failure lets the next one in', async () => {
  const locks = createLocks()
  const held = piece([], 'held')
  const holding = locks.alone('one', held.work)
  expect(await locks.alone('other', async () => 'free')).toBe('free')
  const failing = locks.alone('one', () => Promise.reject(new Error('no')))
  const next = locks.alone('one', async () => 'next')
  held.end()
  await holding
  await expect(failing).rejects.toThrow('no')
  expect(await next).toBe('next')
})
