// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { type Argon2, createPasswords } from './passwords.ts'

test('at most two runs are under way, and those that wait are bounded', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const runs = { now: 0, most: 0, all: 0 }
  const held: Argon2 = {
    hash: async () => '',
    verify: async () => {
      runs.most = Math.max(runs.most, ++runs.now)
      runs.all++
      await promise
      runs.now--
      return true
    },
  }
  const passwords = createPasswords(held)
  const all = Array.from({ length: 100 }, () =>
    passwords.verify('x', 'y').catch((error: { code: string }) => error.code),
  )
  resolve()
  const answers = await Promise.all(all)
  expect(runs).toEqual({ now: 0, most: 2, all: 66 })
  expect(answers.filter((answer) => answer === 'auth.busy')).toHaveLength(34)
  expect(await passwords.verify('x', 'y')).toBe(true)
})

test('nobody logs in without a hash, whatever the verifier says', async () => {
  const yes: Argon2 = { hash: async () => '', verify: async () => true }
  expect(await createPasswords(yes).verify('x', undefined)).toBe(false)
})

test('a run that throws gives its place back', async () => {
  const broken: Argon2 = { hash: () => Promise.reject(new Error('no')), verify: async () => true }
  const passwords = createPasswords(broken)
  for (let i = 0; i < 5; i++) expect(await passwords.hash('x').catch(() => 'no')).toBe('no')
  expect(await passwords.verify('x', 'y')).toBe(true)
})
