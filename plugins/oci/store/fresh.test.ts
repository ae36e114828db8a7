// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readdir, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { freshBytes } from '../tables.ts'
import { type RegistryBed, registryBed } from '../test-bed.ts'
import { digestOf, hexOf } from './digest.ts'

let bed: RegistryBed
beforeAll(async () => {
  bed = await registryBed()
})
afterAll(() => bed[Symbol.asyncDispose]())

const freshRows = async () =>
  Number((await bed.db.read.select({ count: sql<number>`count(*)` }).from(freshBytes))[0]?.count)

test('small objects that the disk lost with the power are written again at the start', async () => {
  const bytes = 'acknowledged, and not synced'
  const digest = digestOf(Buffer.from(bytes))
  expect((await bed.pushBlob('t/power', bytes)).status).toBe(201)
  expect(await freshRows()).toBe(1)
  const shown = join(bed.folder, 'repos/t/power/blobs/sha256', hexOf(digest))
  await truncate(bed.store().objects.path(digest), 0)
  await rm(shown)
  await bed.restart('crash')
  expect(await (await bed.send('GET', `/v2/t/power/blobs/${digest}`)).text()).toBe(bytes)
  expect(await readFile(shown, 'utf8')).toBe(bytes)
  expect(await freshRows()).toBe(0)
})

test('an object that was deleted before the crash does not come back', async () => {
  const digest = digestOf(Buffer.from('short-lived'))
  await bed.pushBlob('t/gone', 'short-lived')
  expect((await bed.send('DELETE', `/v2/t/gone/blobs/${digest}`)).status).toBe(202)
  await bed.restart('crash')
  expect((await bed.send('GET', `/v2/t/gone/blobs/${digest}`)).status).toBe(404)
  expect(await Bun.file(bed.store().objects.path(digest)).exists()).toBe(false)
})

test('a sync clears the rows; the links of layouts that were lost after it are made again', async () => {
  const large = new Uint8Array(100_000).fill(7)
  const digest = digestOf(large)
  await bed.pushBlob('t/links', large)
  await bed.store().fresh.settle()
  expect(await freshRows()).toBe(0)
  await rm(join(bed.folder, 'repos/t/links'), { recursive: true })
  await bed.restart('crash')
  const folder = join(bed.folder, 'repos/t/links')
  expect(await readdir(join(folder, 'blobs/sha256'))).toEqual([hexOf(digest)])
  expect(await Bun.file(join(folder, 'oci-layout')).exists()).toBe(true)
})

test('one object in fifty repositories takes its room once, and outlives all but the last', async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(65_536)).toHex().repeat(8)
  const digest = digestOf(Buffer.from(bytes))
  const names = Array.from({ length: 50 }, (_, at) => `t/dedupe/r${at}`)
  const [first = '', ...others] = names
  expect((await bed.pushBlob(first, bytes)).status).toBe(201)
  for (const name of others) {
    const path = `/v2/${name}/blobs/uploads/?mount=${digest}&from=${first}`
    expect((await bed.send('POST', path)).status).toBe(201)
  }
  const kilobytes = async () => {
    const said = await Bun.$`du -sk ${bed.folder}/_blobs ${bed.folder}/repos`.text()
    return said.split('\n').reduce((sum, line) => sum + Number(line.split('\t')[0]), 0)
  }
  // 1 MiB, the folders of 50 layouts and the fan-out; fifty copies would be 50 MiB
  expect(await kilobytes()).toBeLessThan(4_096)
  for (const name of names.slice(0, -1)) {
    expect((await bed.send('DELETE', `/v2/${name}/blobs/${digest}`)).status).toBe(202)
  }
  const last = names.at(-1) ?? ''
  const pulled = await bed.send('GET', `/v2/${last}/blobs/${digest}`)
  expect(digestOf(new Uint8Array(await pulled.arrayBuffer()))).toBe(digest)
  expect((await bed.send('DELETE', `/v2/${last}/blobs/${digest}`)).status).toBe(202)
  expect(await Bun.file(bed.store().objects.path(digest)).exists()).toBe(false)
})
