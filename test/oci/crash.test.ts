// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.3: an appliance that is killed. */
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { digestOf, freshBytes } from './content.ts'
import { freshName, type Registry, registryAt, withQuery } from './registry.ts'
import { basicOf, type RegistryServer, startSlipway } from './servers.ts'

const loggedIn = ({ origin, login }: RegistryServer): Registry => {
  if (!login) throw new Error('the appliance has no login')
  return registryAt(origin, basicOf(login))
}

test('an upload goes on after the appliance was killed', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-killed-'))
  const dataDir = join(folder, 'data')
  try {
    const [name, bytes] = [freshName(), freshBytes(3_000_000)]
    let path: string
    let image: { readonly digest: string }
    {
      await using server = await startSlipway({ dataDir, built: false })
      const registry = loggedIn(server)
      image = await registry.pushImage(name, { tag: 'before' })
      path = await registry.begin(name)
      const patched = await registry.call('PATCH', path, {
        body: bytes.slice(0, 1_000_000),
        headers: { 'Content-Range': '0-999999' },
      })
      expect(patched.status).toBe(202)
      path = new URL(path, server.origin).pathname
      // Killed without a word at the end of the scope.
    }
    await using server = await startSlipway({ dataDir, built: false })
    const registry = loggedIn(server)
    expect(await registry.call('GET', `/v2/${name}/manifests/before`)).toMatchObject({
      status: 200,
      digest: image.digest,
    })
    const state = await registry.call('GET', path)
    const offset = Number(state.headers.get('upload-offset'))
    // The page cache outlives a process: all of it is there.
    expect([state.status, offset]).toEqual([204, 1_000_000])
    const rest = await registry.call('PATCH', path, {
      body: bytes.slice(offset),
      headers: { 'Content-Range': `${offset}-${bytes.length - 1}` },
    })
    expect(rest.status).toBe(202)
    const put = await registry.call('PUT', withQuery(path, `digest=${digestOf(bytes)}`))
    expect(put.status).toBe(201)
    expect((await registry.call('GET', `/v2/${name}/blobs/${digestOf(bytes)}`)).digest).toBe(
      digestOf(bytes),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}, 60_000)
