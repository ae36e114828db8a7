// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'bun:test'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MiB } from '../../../core/units.ts'
import { registryBed } from '../test-bed.ts'
import { digestOf, hexOf } from './digest.ts'

const WHY = process.getuid?.() === 0 ? '' : ' (skipped: only root may mount)'

/** A file system of its own with room for so many MiB, gone at the end. */
async function smallDisk(mebibytes: number) {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-full-'))
  await Bun.$`mount -t tmpfs -o size=${mebibytes}m tmpfs ${folder}`
  return {
    folder,
    async [Symbol.asyncDispose]() {
      await Bun.$`umount -l ${folder}`
      await rm(folder, { recursive: true })
    },
  }
}

const content = (size: number, fill: number) => new Uint8Array(size).fill(fill)

test.skipIf(WHY !== '')(
  `on a full disk pushes are refused with 507, pulls go on, and after a delete there is room again${WHY}`,
  async () => {
    await using disk = await smallDisk(8)
    await using bed = await registryBed({ disk_reserve_bytes: 0 }, Date.now, disk.folder)
    const kept = content(3 * MiB, 1)
    expect((await bed.pushBlob('t/full', kept)).status).toBe(201)

    // Announced: refused before a byte is taken.
    const announced = await bed.pushBlob('t/full', content(6 * MiB, 2))
    expect(announced.status).toBe(507)
    expect(announced.headers.get('content-type')).toBe('application/json')
    expect(await announced.json()).toMatchObject({ errors: [{ code: 'DENIED' }] })

    // Not announced: the disk itself says so in the middle.
    const begun = await bed.send('POST', '/v2/t/full/blobs/uploads/')
    const location = begun.headers.get('location') ?? ''
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < 96; at++) controller.enqueue(content(65_536, 3))
        controller.close()
      },
    })
    const digest = digestOf(content(96 * 65_536, 3))
    const late = await bed.send('PUT', `${location}?digest=${digest}`, { body })
    expect(late.status).toBe(507)
    expect(await late.json()).toMatchObject({ errors: [{ code: 'DENIED' }] })
    expect((await bed.send('GET', `/v2/t/full/blobs/${digest}`)).status).toBe(404)
    expect(await readdir(join(bed.folder, '_blobs/sha256', hexOf(digest).slice(0, 2)))).toEqual([])

    const pulled = await bed.send('GET', `/v2/t/full/blobs/${digestOf(kept)}`)
    expect(digestOf(new Uint8Array(await pulled.arrayBuffer()))).toBe(digestOf(kept))

    // What came is kept for whoever goes on, until it is canceled.
    expect((await bed.send('DELETE', location)).status).toBe(204)
    expect((await bed.send('DELETE', `/v2/t/full/blobs/${digestOf(kept)}`)).status).toBe(202)
    expect((await bed.pushBlob('t/full', content(3 * MiB, 4))).status).toBe(201)
  },
  60_000,
)
