// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { DAY } from '../core/units.ts'
import type { AuditEntry } from '../schemas/audit.ts'
import { linuxRecipe, type RunningAppliance, startAppliance } from './harness.ts'

let running: RunningAppliance
beforeAll(async () => {
  running = await startAppliance()
})
afterAll(() => running[Symbol.asyncDispose]())

const machine = {
  bmc_url: 'https://127.0.0.1:9',
  username: 'root',
  password: 'calvin-in-the-clear',
}
const basic = (name: string, password: string) => ({
  Authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`,
})

async function entries(query = ''): Promise<readonly AuditEntry[]> {
  const { status, body } = await running.send('GET', `/api/v1/audit${query}`)
  expect(status).toBe(200)
  return body.entries
}

test('who did what to which machine, user and job, the newest first', async () => {
  await running.send('POST', '/api/v1/machines', { serial: 'AUD-1', ...machine })
  await running.send('POST', '/api/v1/users', {
    name: 'ada',
    role: 'operator',
    password: 'a long password',
  })
  const { body: job } = await running.send(
    'POST',
    '/api/v1/jobs',
    { server_serial: 'AUD-1', recipe: linuxRecipe },
    { ...basic('ada', 'a long password'), 'X-Request-Id': 'request-of-ada' },
  )
  await running.send('POST', `/api/v1/jobs/${job.job_id}/cancel`, { reason: 'my-private-reason' })
  expect(await entries()).toMatchObject([
    {
      principal: 'admin',
      role: 'admin',
      by: 'token',
      method: 'POST',
      route: '/api/v1/jobs/:id/cancel',
      job_id: job.job_id,
      server_serial: 'AUD-1',
      status: 200,
    },
    {
      principal: 'ada',
      role: 'operator',
      by: 'basic',
      route: '/api/v1/jobs',
      job_id: job.job_id,
      server_serial: 'AUD-1',
      status: 202,
      request_id: 'request-of-ada',
    },
    { principal: 'admin', route: '/api/v1/users', user: 'ada', status: 201 },
    { principal: 'admin', route: '/api/v1/machines', server_serial: 'AUD-1', status: 201 },
  ])
})

test('filters by person, job, machine and time', async () => {
  const [all] = [await entries()]
  const job = all.find((entry) => entry.job_id)?.job_id
  expect((await entries('?principal=ada')).map((entry) => entry.route)).toEqual(['/api/v1/jobs'])
  expect(await entries(`?job=${job}`)).toHaveLength(2)
  expect(await entries('?serial=AUD-1')).toHaveLength(3)
  running.clock.advance(60_000)
  const since = new Date(running.clock.now()).toISOString()
  await running.send('PATCH', '/api/v1/machines/AUD-1', { protected: true })
  expect(await entries(`?since=${since}`)).toMatchObject([
    { method: 'PATCH', route: '/api/v1/machines/:serial', server_serial: 'AUD-1', status: 200 },
  ])
})

test('pages follow each other without a gap', async () => {
  const all = await entries()
  const paged: AuditEntry[] = []
  let query = '?limit=2'
  for (;;) {
    const { body } = await running.send('GET', `/api/v1/audit${query}`)
    paged.push(...body.entries)
    if (!body.next_cursor) break
    query = `?limit=2&cursor=${body.next_cursor}`
  }
  expect(paged).toEqual([...all])
})

test.each([
  ['a role that is too low', 'POST', '/api/v1/users', {}, 403, 'auth.forbidden', 'ada'],
  [
    'a conflict',
    'POST',
    '/api/v1/machines',
    { serial: 'AUD-1', ...machine },
    409,
    'machine.exists',
    'admin',
  ],
  ['a body that is no JSON', 'PATCH', '/api/v1/machines/AUD-1', '{', 400, 'request.json', 'admin'],
  [
    'an unknown machine',
    'DELETE',
    '/api/v1/machines/none',
    undefined,
    404,
    'machine.not-found',
    'admin',
  ],
] as const)(
  '%s is written down with its code',
  async (_, method, path, body, status, code, who) => {
    const headers = who === 'ada' ? basic('ada', 'a long password') : {}
    expect((await running.send(method, path, body, headers)).status).toBe(status)
    expect((await entries('?limit=1'))[0]).toMatchObject({ status, code, principal: who })
  },
)

test('a call without a login is written down without a name, and many of them not without end', async () => {
  const before = (await entries('?limit=500')).length
  for (let call = 0; call < 40; call++) {
    const { status } = await running.send('DELETE', '/api/v1/users/ada', undefined, {
      Authorization: '',
    })
    expect(status).toBe(401)
  }
  const after = await entries('?limit=500')
  expect(after.length - before).toBe(20)
  expect(after[0]).toMatchObject({
    route: '/api/v1/users/:name',
    user: 'ada',
    status: 401,
    code: 'auth.unauthorized',
  })
  expect(after[0]?.principal).toBeUndefined()
})

test('reads and unknown paths leave no trace', async () => {
  const before = await entries('?limit=1')
  await running.send('GET', '/api/v1/machines')
  await running.send('POST', '/api/v1/nothing')
  await running.send('GET', '/api/v1/jobs/none')
  expect(await entries('?limit=1')).toEqual([...before])
})

test('no body and no secret is in it', async () => {
  const rows = await running.appliance.db.client.execute('select * from audit')
  const text = JSON.stringify([rows.rows, await entries('?limit=500')])
  for (const secret of [
    'calvin-in-the-clear',
    'a long password',
    'my-private-reason',
    running.adminToken,
  ]) {
    expect(text).not.toContain(secret)
  }
})

test('it is for admins', async () => {
  const { status, body } = await running.send(
    'GET',
    '/api/v1/audit',
    undefined,
    basic('ada', 'a long password'),
  )
  expect({ status, code: body.code }).toEqual({ status: 403, code: 'auth.forbidden' })
})

test.each(['since=yesterday', 'since=2026-03-01', 'limit=0', 'cursor=e30'])(
  '?%s answers 400',
  async (query) => {
    expect((await running.send('GET', `/api/v1/audit?${query}`)).status).toBe(400)
  },
)

test('it is kept as long as the jobs', async () => {
  running.clock.advance(91 * DAY)
  await running.send('DELETE', '/api/v1/users/ada')
  await running.appliance.runner.prune()
  expect((await entries()).map((entry) => entry.method)).toEqual(['DELETE'])
})

test('an audit log that can not be written is told, and the call stands', async () => {
  await running.appliance.db.client.execute('alter table audit rename to audit_away')
  const { status } = await running.send('POST', '/api/v1/machines', {
    serial: 'AUD-2',
    ...machine,
    bmc_url: 'https://127.0.0.1:10',
  })
  await running.appliance.db.client.execute('alter table audit_away rename to audit')
  expect(status).toBe(201)
  expect(running.logged.some((line) => line.includes('could not be written to the audit'))).toBe(
    true,
  )
})
