// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { MiB } from '../../core/units.ts'
import { type RunningAppliance, startAppliance } from '../../test/harness.ts'
import { digestOf } from './store/digest.ts'

let running: RunningAppliance
beforeAll(async () => {
  running = await startAppliance()
})
afterAll(() => running[Symbol.asyncDispose]())

const send = (method: string, path: string, init: RequestInit = {}) =>
  running.appliance.apps.api.request(path, {
    ...init,
    method,
    headers: { Authorization: `Bearer ${running.adminToken}`, ...init.headers },
  })

/** POST and PUT of a whole blob. */
async function push(repository: string, bytes: Uint8Array<ArrayBuffer>) {
  const begun = await send('POST', `/v2/${repository}/blobs/uploads/`)
  expect(begun.status).toBe(202)
  return send('PUT', `${begun.headers.get('location')}?digest=${digestOf(bytes)}`, {
    body: bytes,
    headers: { 'Content-Length': String(bytes.byteLength) },
  })
}

test('the registry answers at /v2/, and asks who is calling', async () => {
  const answer = await send('GET', '/v2/')
  expect(answer.status).toBe(200)
  expect(answer.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  const anonymous = await running.appliance.apps.api.request('/v2/')
  expect(anonymous.status).toBe(401)
  expect(anonymous.headers.get('www-authenticate')).toBe('Basic realm="Slipway"')
  expect(anonymous.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  expect(await anonymous.json()).toMatchObject({ errors: [{ code: 'UNAUTHORIZED' }] })
})

test.each([
  { name: 'empty', size: 0 },
  { name: 'of 1 KiB', size: 1_024 },
  { name: 'of 3 MiB', size: 3 * MiB },
])('a blob $name that was pushed is pulled again', async ({ size }) => {
  const bytes = crypto.getRandomValues(new Uint8Array(Math.min(size, 65_536)))
  const whole = new Uint8Array(size)
  for (let at = 0; at < size; at += bytes.byteLength) whole.set(bytes, at)
  const digest = digestOf(whole)
  const pushed = await push('t/round', whole)
  expect(pushed.status).toBe(201)
  expect(pushed.headers.get('docker-content-digest')).toBe(digest)
  const pulled = await send('GET', pushed.headers.get('location') ?? '')
  expect(pulled.status).toBe(200)
  expect(digestOf(new Uint8Array(await pulled.arrayBuffer()))).toBe(digest)
  const head = await send('HEAD', `/v2/t/round/blobs/${digest}`)
  expect(head.headers.get('content-length')).toBe(String(size))
})

test('a blob of another repository is not seen through this one', async () => {
  const bytes = new TextEncoder().encode('mine')
  expect((await push('t/mine', bytes)).status).toBe(201)
  expect((await send('GET', `/v2/t/yours/blobs/${digestOf(bytes)}`)).status).toBe(404)
})
