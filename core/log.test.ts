// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { temporaryDb } from '../test/temporary-db.ts'
import { createLog } from './log.ts'

const logged = (write: (log: ReturnType<typeof createLog>) => void): string => {
  const lines: string[] = []
  write(createLog('debug', { write: (line) => void lines.push(line) }))
  return lines.join('')
}

test.each([
  { password: 'hidden' },
  { machine: { token: 'hidden' } },
  { request: { body: { recipe: 'hidden' } } },
  { headers: { authorization: 'hidden' } },
])('a secret field is redacted in %j', (fields) => {
  const text = logged((log) => log.info(fields, 'said'))
  expect(text).toContain('[redacted]')
  expect(text).not.toContain('hidden')
})

test('a query that failed is logged without the values that it was given', async () => {
  await using store = await temporaryDb()
  const failed = await store.db.read.run(sql`insert into nowhere values (${'the value'})`).then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  )
  expect(String(failed)).toContain('the value')
  const text = logged((log) => log.error({ err: failed }, 'failed'))
  expect(text).toContain('nowhere')
  expect(text).not.toContain('the value')
})
