// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createLru } from './lru.ts'

const ofText = (most: number) => createLru<string>(most, (value) => value.length)

test('the least recently used goes first, by weight', () => {
  const lru = ofText(6)
  lru.set('a', '11')
  lru.set('b', '22')
  lru.set('c', '33')
  expect(lru.get('a')).toBe('11')
  lru.set('d', '44')
  expect([lru.get('a'), lru.get('b'), lru.get('c'), lru.get('d')]).toEqual([
    ...['11', undefined, '33', '44'],
  ])
  expect(lru.weight).toBe(6)
})

test('what is heavier than all of it together is not kept, and pushes nothing out', () => {
  const lru = ofText(3)
  lru.set('a', '1')
  lru.set('b', '1234')
  expect([lru.get('a'), lru.get('b'), lru.weight]).toEqual(['1', undefined, 1])
})

test('all who ask at once share one reading', async () => {
  const lru = ofText(10)
  let readings = 0
  const read = async () => {
    readings++
    return 'x'
  }
  expect(await Promise.all([lru.load('a', read), lru.load('a', read)])).toEqual(['x', 'x'])
  expect(await lru.load('a', read)).toBe('x')
  expect(readings).toBe(1)
})

test.each([
  { name: 'dropped', change: (lru: ReturnType<typeof ofText>) => lru.drop('a'), after: undefined },
  { name: 'set', change: (lru: ReturnType<typeof ofText>) => lru.set('a', 'new'), after: 'new' },
  {
    name: 'dropped by its prefix',
    change: (lru: ReturnType<typeof ofText>) => lru.dropAll('a'),
    after: undefined,
  },
])(
  'a reading that began before the key was $name does not bring the old back',
  async ({ change, after }) => {
    const lru = ofText(10)
    const { promise, resolve } = Promise.withResolvers<string>()
    const loading = lru.load('a', () => promise)
    change(lru)
    resolve('old')
    expect(await loading).toBe('old')
    expect(lru.get('a')).toBe(after)
  },
)

test('a reading that found nothing or failed is tried again', async () => {
  const lru = ofText(10)
  expect(await lru.load('a', async () => undefined)).toBeUndefined()
  await expect(lru.load('a', () => Promise.reject(new Error('disk')))).rejects.toThrow('disk')
  expect(await lru.load('a', async () => 'now')).toBe('now')
})
