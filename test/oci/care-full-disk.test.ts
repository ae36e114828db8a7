// SPDX-License-Identifier: AGPL-3.0-or-later
/** Goal S3: a whole appliance, database and all, on a disk that fills up. */
import { expect, test } from 'bun:test'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { collect, fsck } from './care-api.ts'
import { digestOf, freshBytes } from './content.ts'
import { registryAt, withQuery } from './registry.ts'
import { basicOf, startSlipway } from './servers.ts'

const WHY = process.getuid?.() === 0 ? '' : ' (skipped: only root may mount)'
const MiB = 1_024 ** 2

/** An ext4 of 200 MiB in a file, mounted; gone at the end. */
async function smallDisk() {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-ext4-'))
  const [image, mounted] = [join(folder, 'image'), join(folder, 'mounted')]
  await Bun.$`truncate -s 200M ${image} && mkfs.ext4 -q ${image} && mkdir ${mounted}`
  await Bun.$`mount -o loop ${image} ${mounted}`
  return {
    folder: mounted,
    async [Symbol.asyncDispose]() {
      await Bun.$`umount -l ${mounted}`
      await rm(folder, { recursive: true })
    },
  }
}

test.skipIf(WHY !== '')(
  `a registry that fills its disk refuses pushes, serves, and takes pushes again after a collection${WHY}`,
  async () => {
    await using disk = await smallDisk()
    const dataDir = join(disk.folder, 'data')
    await using server = await startSlipway({ dataDir, built: false, set: ['oci.gc_every_ms=0'] })
    if (!server.login) throw new Error('the appliance has no login')
    const registry = registryAt(server.origin, basicOf(server.login))
    const kept = await registry.pushImage('full/os', { tag: '1' })

    const put = async (bytes: Uint8Array<ArrayBuffer>, streamed: boolean) => {
      const location = await registry.begin('full/os')
      const body = streamed ? new Blob([bytes]).stream() : bytes
      const path = withQuery(location, `digest=${digestOf(bytes)}`)
      return { location, reply: await registry.call('PUT', path, { body }) }
    }
    const stored: string[] = []
    const statuses = new Set<number>()
    for (let at = 0; at < 40; at++) {
      const bytes = freshBytes(8 * MiB)
      const { location, reply } = await put(bytes, at % 2 === 1)
      statuses.add(reply.status)
      if (reply.status === 201) stored.push(digestOf(bytes))
      else {
        expect([reply.status, reply.codes]).toEqual([507, ['DENIED']])
        expect((await registry.call('GET', `/v2/full/os/blobs/${digestOf(bytes)}`)).status).toBe(
          404,
        )
        await registry.call('DELETE', location)
      }
      if (reply.status !== 201 && at % 2 === 0) break
    }
    expect([...statuses].toSorted()).toEqual([201, 507])
    expect(stored.length).toBeGreaterThan(10)

    // The reserve is left: everything else of the appliance still works.
    const { json } = await registry.call('GET', '/api/v1/oci/quota')
    expect(json.disk.free_bytes).toBeGreaterThan(json.disk.reserve_bytes / 2)
    expect((await registry.call('GET', '/v2/full/os/manifests/1')).digest).toBe(kept.digest)
    const last = stored.at(-1) ?? ''
    expect((await registry.call('GET', `/v2/full/os/blobs/${last}`)).digest).toBe(last)
    expect(await fsck(registry)).toMatchObject({ bad: 0 })

    // Blobs of no image are garbage.
    const report = await collect(registry, { grace_seconds: 0 })
    expect(report).toMatchObject({ blobs: stored.length })
    expect(report.reclaimable_bytes).toBe(stored.length * 8 * MiB)
    const { reply } = await put(freshBytes(8 * MiB), false)
    expect(reply.status).toBe(201)
    expect((await registry.call('GET', '/v2/full/os/manifests/1')).digest).toBe(kept.digest)
  },
  90_000,
)
