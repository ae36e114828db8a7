// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { Hono } from 'hono'
import { createLog } from '../log.ts'
import type { ApiEnv } from './env.ts'
import { onError } from './problem.ts'

const coded = (code: string) => Object.assign(new Error('no room'), { code })

/** What a client is answered when that happens to its request. */
async function answered(error: Error) {
  const app = new Hono<ApiEnv>()
  app.onError(onError(createLog('silent')))
  app.get('/', () => {
    throw error
  })
  const response = await app.request('/')
  return { status: response.status, body: await response.json() }
}

test.each([
  ['the database', coded('SQLITE_FULL')],
  ['the file system', coded('ENOSPC')],
  ['a query', new Error('Failed query', { cause: coded('SQLITE_FULL') })],
])('a full disk under %s is told with its remedy', async (_, error) => {
  const { status, body } = await answered(error)
  expect(status).toBe(507)
  expect(body).toMatchObject({ error: 'unavailable', code: 'storage.full' })
  expect(body).toMatchObject({ message: expect.stringContaining('free some space') })
})

test('of a bug nothing leaves but the id of the request', async () => {
  const { status, body } = await answered(new Error('secret', { cause: coded('SQLITE_BUSY') }))
  expect(status).toBe(500)
  expect(body).toMatchObject({ error: 'server_error', code: 'server.error' })
  expect(JSON.stringify(body)).not.toContain('secret')
})
