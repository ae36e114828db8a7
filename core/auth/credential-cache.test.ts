// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { Principal } from './auth.ts'
import { createCredentialCache } from './credential-cache.ts'

const principal = (name: string): Principal => ({ name, role: 'viewer', by: 'basic' })

test('keeps no more than a thousand credentials, the latest', async () => {
  const cache = createCredentialCache(() => 0)
  for (let i = 0; i < 1_200; i++) await cache.judged('a', `${i}`, async () => principal('a'))
  expect(cache.size).toBe(1_000)
  expect(cache.find('a', '199')).toBeUndefined()
  expect(cache.find('a', '200')).toEqual(principal('a'))
  cache.forget('b')
  expect(cache.size).toBe(1_000)
  cache.forget('a')
  expect(cache.size).toBe(0)
})

test('drops the old ones when a new one comes', async () => {
  const time = { at: 0 }
  const cache = createCredentialCache(() => time.at)
  for (let i = 0; i < 10; i++) await cache.judged('a', `${i}`, async () => principal('a'))
  time.at = 5 * 60_000
  expect(cache.find('a', '1')).toBeUndefined()
  await cache.judged('b', 'x', async () => principal('b'))
  expect(cache.size).toBe(1)
})

test('keeps neither refusals nor failures', async () => {
  const cache = createCredentialCache(() => 0)
  const broken = () => Promise.reject(new Error('database'))
  expect(await cache.judged('a', 'x', broken).catch(() => 'failed')).toBe('failed')
  expect(await cache.judged('a', 'x', async () => undefined)).toBeUndefined()
  expect(await cache.judged('a', 'x', async () => principal('a'))).toEqual(principal('a'))
})
