// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import type { Job } from '../../core/jobs/job.ts'
import { createTokenLookup, type Opened } from './token-lookup.ts'

const opened = { job: { id: 'job-1' } as Job, images: [] }

function start(answer: (token: string) => Promise<Opened | undefined>) {
  const clock = { now: 1_000 }
  const asked: string[] = []
  const tokens = createTokenLookup(
    {
      byMediaToken(token) {
        asked.push(token)
        return answer(token)
      },
    },
    () => clock.now,
  )
  return { tokens, asked, clock }
}

test('core is asked once in ten seconds for a token that is good, and every time for one that is not', async () => {
  const { tokens, asked, clock } = start(async (token) => (token === 'good' ? opened : undefined))
  for (let turn = 0; turn < 3; turn++) expect(await tokens.find('good')).toBe(opened)
  expect(asked).toHaveLength(1)
  for (let turn = 0; turn < 3; turn++) expect(await tokens.find('bad')).toBeUndefined()
  expect(asked).toHaveLength(4)
  clock.now += 10_000
  await tokens.find('good')
  expect(asked).toHaveLength(5)
})

test('a change of the job ends what was kept of it, and of no other', async () => {
  const { tokens, asked } = start(async (token) => ({ job: { id: token } as Job, images: [] }))
  await tokens.find('a')
  await tokens.find('b')
  tokens.changed('a')
  await tokens.find('a')
  await tokens.find('b')
  expect(asked).toEqual(['a', 'b', 'a'])
})

test('a change while core is being asked makes it ask again', async () => {
  const first = Promise.withResolvers<Opened | undefined>()
  const answers = [first.promise, Promise.resolve(undefined)]
  const { tokens, asked } = start(
    () => answers.shift() ?? Promise.reject(new Error('asked too often')),
  )
  const found = tokens.find('good')
  tokens.changed('job-1')
  first.resolve(opened)
  expect(await found).toBeUndefined()
  expect(asked).toHaveLength(2)
})

test('a thousand tokens are kept, and no more', async () => {
  const { tokens, asked } = start(async (token) => ({ job: { id: token } as Job, images: [] }))
  for (let index = 0; index <= 1_000; index++) await tokens.find(`token ${index}`)
  asked.length = 0
  await tokens.find('token 1')
  await tokens.find('token 0')
  expect(asked).toEqual(['token 0'])
})
