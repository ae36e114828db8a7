// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { EXIT } from './exit.ts'
import { fakeApi, slipway } from './test-bed.ts'

const env = { SLIPWAY_TOKEN: 'token-1' }
const list = ['audit', 'list', '--url']
const entry = {
  time: '2026-03-01T10:00:00.000Z',
  principal: 'ada',
  role: 'operator',
  by: 'basic',
  method: 'POST',
  route: '/api/v1/jobs/:id/cancel',
  job_id: 'job-1',
  server_serial: 'XF-1',
  status: 409,
  code: 'conflict.finished',
  address: '10.0.0.9',
  request_id: 'request-1',
}

test('a line says who asked for what, and how it ended', async () => {
  using api = fakeApi({ 'GET /api/v1/audit': () => ({ entries: [entry] }) })
  const { code, stdout } = await slipway([...list, api.url], { env })
  expect(code).toBe(EXIT.ok)
  expect(stdout.split('\n')[1]).toMatch(
    /^2026-03-01 10:00:00 +ada +10\.0\.0\.9 +POST \/api\/v1\/jobs\/:id\/cancel +409 conflict\.finished +XF-1 job-1$/,
  )
  const json = await slipway([...list, api.url, '--json'], { env })
  expect(JSON.parse(json.stdout)).toEqual({ entries: [entry] })
})

test('its filters reach the API; a span becomes a time', async () => {
  using api = fakeApi({ 'GET /api/v1/audit': () => ({ entries: [] }) })
  const flags = ['--since', '2h', '--principal', 'ada', '--job', 'job-1', '--serial', 'XF-1']
  const { stdout } = await slipway([...list, api.url, ...flags], { env })
  expect(stdout).toBe('nothing was written down\n')
  const query = new URL(api.requests[0]?.path ?? '', api.url).searchParams
  expect(Object.fromEntries(query)).toMatchObject({
    principal: 'ada',
    job: 'job-1',
    serial: 'XF-1',
    limit: '50',
  })
  const hours = (Date.now() - Date.parse(query.get('since') ?? '')) / 3_600_000
  expect(hours).toBeCloseTo(2, 1)
})

test('a time that is none is told before anything is sent', async () => {
  using api = fakeApi({})
  const { code } = await slipway([...list, api.url, '--since', 'tuesday'], { env })
  expect({ code, requests: api.requests.length }).toEqual({ code: EXIT.usage, requests: 0 })
})
