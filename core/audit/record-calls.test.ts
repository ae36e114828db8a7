// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { Hono } from 'hono'
import { type TemporaryDb, temporaryDb } from '../../test/temporary-db.ts'
import { requestFaults } from '../faults.ts'
import type { ApiEnv } from '../http/env.ts'
import { createLog } from '../log.ts'
import { listAudit } from '../store/audit.ts'
import type { Db } from '../store/client.ts'
import { readSetting, writeSetting } from '../store/settings.ts'
import { createAudit } from './record-calls.ts'

let temporary: TemporaryDb
let db: Db
let app: Hono<ApiEnv>
beforeEach(async () => {
  temporary = await temporaryDb()
  const log = createLog('silent', { write: () => undefined })
  const audit = createAudit({ db: temporary.db, log, now: Date.now })
  db = audit.db
  app = new Hono<ApiEnv>()
  app.use(audit.calls, async (c, next) => {
    c.set('principal', { name: 'ada', role: 'operator', by: 'basic' })
    c.set('requestId', 'request-1')
    await next()
  })
  app.onError((_, c) => c.text('no', 400))
})
afterEach(() => temporary[Symbol.asyncDispose]())

const entries = async () =>
  (await listAudit(db.read, { limit: 9 })).map(({ principal, route, status, code }) => [
    ...[principal, route, status, code],
  ])
const post = async (path: string) => (await app.request(path, { method: 'POST' })).status
const change = (name: string) => db.write((tx) => writeSetting(tx, name, 1))

test('once a change is there to be seen, so is who asked for it', async () => {
  const changed = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<void>()
  app.post('/change', async (c) => {
    await change('one')
    changed.resolve()
    await answer.promise
    await change('two')
    return c.text('', 201)
  })
  const asking = post('/change')
  await changed.promise
  // A crash here leaves both.
  expect(await readSetting(db.read, 'one')).toBe(1)
  expect(await entries()).toEqual([['ada', '/change', 0, null]])
  answer.resolve()
  expect(await asking).toBe(201)
  expect(await entries()).toEqual([['ada', '/change', 201, null]])
})

test('a change that is rolled back leaves its refusal and nothing else', async () => {
  app.post('/change', async () => {
    await db.write(async (tx) => {
      await writeSetting(tx, 'one', 1)
      throw requestFaults.invalid('no')
    })
    throw new Error('unreachable')
  })
  expect(await post('/change')).toBe(400)
  expect(await readSetting(db.read, 'one')).toBeUndefined()
  expect(await entries()).toEqual([['ada', '/change', 400, 'request.invalid']])
})

test('a second try of the same call is written down with its change', async () => {
  const seen: unknown[] = []
  app.post('/change', async (c) => {
    await db.write(() => Promise.reject(new Error('a race was lost'))).catch(() => undefined)
    await change('one')
    seen.push(...(await entries()))
    return c.text('')
  })
  await post('/change')
  expect(seen).toEqual([['ada', '/change', 0, null]])
  expect(await entries()).toEqual([['ada', '/change', 200, null]])
})

test('what goes on after the answer is no part of the call', async () => {
  const answered = Promise.withResolvers<void>()
  const late = Promise.withResolvers<void>()
  app.post('/begin', (c) => {
    answered.promise.then(() => change('late')).then(late.resolve)
    return c.text('', 202)
  })
  await post('/begin')
  answered.resolve()
  await late.promise
  expect(await readSetting(db.read, 'late')).toBe(1)
  expect(await entries()).toEqual([['ada', '/begin', 202, null]])
})
