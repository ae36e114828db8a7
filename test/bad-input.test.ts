// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { linuxRecipe, type RunningAppliance, startAppliance } from './harness.ts'

let running: RunningAppliance
beforeAll(async () => {
  running = await startAppliance()
})
afterAll(() => running[Symbol.asyncDispose]())

const nested = `${'{"a":'.repeat(200)}1${'}'.repeat(200)}`
const huge = JSON.stringify({ server_serial: 'x', recipe: { notes: 'x'.repeat(11 * 1024 * 1024) } })

test.each([
  { name: 'no JSON', body: '{"server_serial":', status: 400, error: 'invalid_json' },
  { name: 'an empty body', body: '', status: 400, error: 'invalid_json' },
  { name: 'invalid UTF-8', body: '"\u{D800}"'.slice(0, 2), status: 400, error: 'invalid_json' },
  { name: 'a deeply nested body', body: nested, status: 400, error: 'invalid_json' },
  { name: 'a body of 11 MiB', body: huge, status: 413, error: 'too_large' },
  { name: 'an array', body: [], status: 400, error: 'invalid_request' },
  { name: 'null', body: null, status: 400, error: 'invalid_request' },
  { name: 'a missing serial', body: { recipe: {} }, status: 400, error: 'invalid_request' },
  {
    name: 'a serial of the wrong type',
    body: { server_serial: 7, recipe: {} },
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'an unknown field',
    body: { server_serial: 'x', recipe: {}, urgent: true },
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'a recipe of the wrong type',
    body: { server_serial: 'x', recipe: [] },
    status: 400,
    error: 'invalid_request',
  },
  {
    name: 'a prototype in the recipe',
    body: '{"server_serial":"x","recipe":{"__proto__":{"task_target":"install-linux.target"}}}',
    status: 400,
    error: 'invalid_recipe',
  },
  {
    name: 'an unknown task target',
    body: { server_serial: 'x', recipe: { task_target: 'dance.target' } },
    status: 400,
    error: 'invalid_recipe',
  },
  {
    name: 'a recipe with an unknown field',
    body: { server_serial: 'x', recipe: { ...linuxRecipe, surprise: 1 } },
    status: 400,
    error: 'invalid_recipe',
  },
  {
    name: 'an unknown serial',
    body: { server_serial: 'nobody', recipe: linuxRecipe },
    status: 404,
    error: 'not_found',
  },
])('a job with $name answers $status $error', async ({ body, status, error }) => {
  const answer = await running.send('POST', '/api/v1/jobs', body)
  expect(answer).toMatchObject({
    status,
    body: {
      error,
      code: expect.any(String),
      message: expect.any(String),
      request_id: expect.any(String),
    },
  })
})

test.each([
  ['GET', '/api/v1/jobs/../../etc/passwd'],
  ['GET', '/api/v1/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd'],
  ['GET', `/api/v1/jobs/${'x'.repeat(5_000)}`],
  ['GET', '/api/v1/jobs/%00'],
  ['GET', '/api/v1/machines/%F0%9F%92%A3'],
  ['GET', "/api/v1/machines/x'%20or%201=1--"],
  ['GET', '/api/v1/jobs?serial=nobody'],
  ['DELETE', '/api/v1/jobs'],
  ['PUT', '/api/v1/jobs/1'],
  ['POST', '/api/v1/jobs/none/cancel'],
  ['POST', '/api/v1/jobs/none/retry'],
  ['GET', '/api/v1/jobs/none/events'],
  ['GET', '/api/v1/jobs/none/log'],
  ['GET', '/nothing/here'],
  ['GET', '/v3/'],
])('%s %s answers 404 with a code', async (method, path) => {
  const answer = await running.send(method, path)
  expect({ status: answer.status, code: answer.body.code }).toEqual({
    status: 404,
    code: expect.any(String),
  })
})

test.each([
  '/api/v1/jobs?stauts=queued',
  '/api/v1/machines?lable=rack=1',
  '/api/v1/jobs?limit=0',
  '/api/v1/jobs?limit=1e9',
  '/api/v1/jobs?limit=x',
  '/api/v1/jobs?status=done',
  '/api/v1/jobs?result=maybe',
  '/api/v1/jobs?label=novalue',
  '/api/v1/jobs?cursor=%21%21',
  '/api/v1/jobs?cursor=e30',
  '/api/v1/machines?cursor=e30',
  '/api/v1/machines?label==x',
])('GET %s answers 400', async (path) => {
  expect((await running.send('GET', path)).status).toBe(400)
})

test('hostile headers are answered, and not repeated', async () => {
  const answer = await running.send('GET', '/api/v1/jobs', undefined, {
    'X-Request-Id': '<script>alert(1)</script>',
    Accept: 'x'.repeat(4_000),
    'Idempotency-Key': ' '.repeat(300),
    'Last-Event-ID': "1'; drop table jobs;--",
  })
  expect(answer.status).toBe(200)
  expect(answer.headers.get('x-request-id')).not.toContain('script')
})

test.each([
  ['no login', {}, 401],
  ['an empty bearer', { Authorization: 'Bearer ' }, 401],
  ['a wrong token', { Authorization: 'Bearer 0000' }, 401],
  ['broken basic', { Authorization: 'Basic !!!' }, 401],
  ['an unknown scheme', { Authorization: 'Digest x' }, 401],
])('%s answers %p', async (_, headers, status) => {
  const response = await running.appliance.apps.api.request('/api/v1/jobs', { headers })
  expect(response.status).toBe(status)
  expect(response.headers.get('www-authenticate')).toContain('Basic realm=')
})

test('a body that never ends is cut at its limit', async () => {
  let sent = 0
  const endless = new ReadableStream({
    pull(controller) {
      sent += 65_536
      controller.enqueue(new Uint8Array(65_536).fill(0x20))
    },
  })
  const response = await running.appliance.apps.api.request('/api/v1/jobs', {
    method: 'POST',
    headers: { Authorization: `Bearer ${running.adminToken}` },
    body: endless,
  })
  expect(response.status).toBe(413)
  expect(sent).toBeLessThan(12 * 1024 * 1024)
})
