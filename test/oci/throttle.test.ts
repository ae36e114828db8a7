// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { createClock, startAppliance } from '../harness.ts'
import { accessBed, basic } from './access-bed.ts'

/** `slipway_auth_password_hash_total` as /metrics shows it. */
const hashes = (metrics: string) =>
  Number(/^slipway_auth_password_hash_total (\d+)$/m.exec(metrics)?.[1] ?? 0)

test('after ten wrong logins the registry says when to try again, as registries do', async () => {
  await using running = await startAppliance({ clock: createClock() })
  const bed = accessBed(running)
  const good = await bed.addUser('vera', 'viewer')
  expect((await bed.ask('GET', '/v2/', { authorization: good })).status).toBe(200)
  for (let guess = 0; guess < 10; guess++) {
    const refused = await bed.ask('GET', '/v2/', { authorization: basic('vera', `guess ${guess}`) })
    expect([refused.status, refused.codes]).toEqual([401, ['UNAUTHORIZED']])
  }
  const before = hashes((await running.send('GET', '/metrics')).body)
  const stopped = await bed.ask('GET', '/v2/', { authorization: basic('vera', 'guess 10') })
  expect([stopped.status, stopped.codes]).toEqual([429, ['TOOMANYREQUESTS']])
  expect(Number(stopped.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(stopped.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
  const token = await bed.ask('GET', '/v2/token', { authorization: basic('vera', 'guess 11') })
  expect([token.status, token.codes]).toEqual([429, ['TOOMANYREQUESTS']])
  const metrics = (await running.send('GET', '/metrics')).body
  expect(hashes(metrics)).toBe(before)
  expect(metrics).toContain('slipway_oci_refused_total{reason="login"} 10\n')
  expect(metrics).toContain('slipway_oci_refused_total{reason="throttled"} 1\n')
  // Who was good a moment ago is not stopped by somebody else's guesses.
  expect((await bed.ask('GET', '/v2/', { authorization: good })).status).toBe(200)
}, 30_000)

test('a thousand requests with one password cost one run of its hash', async () => {
  await using running = await startAppliance()
  const bed = accessBed(running)
  const authorization = await bed.addUser('vera', 'viewer')
  await bed.pushImage('os/debian', '13')
  const before = hashes((await running.send('GET', '/metrics')).body)
  const begun = performance.now()
  for (let request = 0; request < 1_000; request++) {
    const { status } = await bed.ask('HEAD', '/v2/os/debian/manifests/13', { authorization })
    expect(status).toBe(200)
  }
  const ms = performance.now() - begun
  expect(hashes((await running.send('GET', '/metrics')).body) - before).toBe(1)
  // One hash takes 100 ms: each of them would be 100 s.
  expect(ms).toBeLessThan(20_000)
})
