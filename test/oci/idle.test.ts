// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.3: uploads that nobody goes on with. */
import { expect, test } from 'bun:test'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { digestOf, freshBytes } from './content.ts'
import { freshName, useRegistry, withQuery } from './registry.ts'

const IDLE_MS = 300
const registry = useRegistry([`oci.upload_idle_ms=${IDLE_MS}`])
const { begin, call } = registry

/** Sends a request whose body stops in the middle, and waits until the server cuts the connection. */
function stalled(location: string, bytes: Uint8Array, declared: number): Promise<number> {
  const { hostname, port, host, pathname, search } = new URL(location, registry.origin)
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) }, () => {
      socket.write(
        [
          `PATCH ${pathname}${search} HTTP/1.1`,
          `Host: ${host}`,
          `Content-Length: ${declared}`,
          `Authorization: ${registry.authorization}`,
          '\r\n',
        ].join('\r\n'),
      )
      socket.write(bytes)
    })
    // Read, or the end of the stream is never seen.
    socket.resume()
    socket.once('error', reject)
    socket.once('close', () => resolve(performance.now() - started))
  })
}

test('an upload without a byte for too long is cut, and its bytes are kept', async () => {
  const [name, bytes] = [freshName(), freshBytes(200_000)]
  const location = await begin(name)
  expect(await stalled(location, bytes.subarray(0, 120_000), bytes.length)).toBeGreaterThan(
    IDLE_MS / 2,
  )
  const state = await call('GET', location)
  expect([state.status, state.headers.get('range')]).toEqual([204, '0-119999'])
  await call('PATCH', location, {
    body: bytes.slice(120_000),
    headers: { 'Content-Range': '120000-199999' },
  })
  const { status } = await call('PUT', withQuery(location, `digest=${digestOf(bytes)}`))
  expect(status).toBe(201)
})

test('an upload that nobody touched for a day is gone', async () => {
  const location = await begin(freshName())
  await call('PATCH', location, { body: freshBytes(1_000) })
  registry.running?.clock.advance(23 * 3_600_000)
  expect((await call('GET', location)).status).toBe(204)
  registry.running?.clock.advance(25 * 3_600_000)
  expect((await call('GET', location)).status).toBe(404)
})

test('of uploads that ended well, ended badly and were canceled nothing is left on the disk', async () => {
  const running = registry.running
  if (!running) return
  const left = () => readdir(join(running.dataDir, 'oci/uploads'))
  const before = new Set(await left())
  const bytes = freshBytes(1_000)
  const good = await begin(freshName())
  await call('PUT', withQuery(good, `digest=${digestOf(bytes)}`), { body: bytes })
  const bad = await begin(freshName())
  await call('PUT', withQuery(bad, `digest=${digestOf(freshBytes())}`), { body: bytes })
  const canceled = await begin(freshName())
  await call('PATCH', canceled, { body: bytes })
  await call('DELETE', canceled)
  const after = await left()
  expect(after.filter((name) => !before.has(name))).toEqual([])
})
