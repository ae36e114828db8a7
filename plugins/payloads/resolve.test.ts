// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createOutbound, type Outbound } from '../../core/outbound.ts'
import type { Recipe } from '../../schemas/recipe.ts'
import { PAYLOAD_LIMIT } from '../../schemas/recipe-payload.ts'
import { resolvePayloads } from './resolve.ts'

let assetsDir = ''
let server: Bun.Server<undefined> | undefined
const answers = new Map<string, Uint8Array<ArrayBuffer>>()
const bytesOf = (text: string) => new TextEncoder().encode(text)

beforeAll(async () => {
  assetsDir = await mkdtemp(join(tmpdir(), 'slipway-payloads-'))
  server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: (request) => {
      const body = answers.get(new URL(request.url).pathname)
      return body ? new Response(body) : new Response(null, { status: 404 })
    },
  })
})
afterAll(async () => {
  await server?.stop(true)
  await rm(assetsDir, { recursive: true, force: true })
})

const outbound = (allowLoopback: boolean): Outbound =>
  createOutbound({
    addresses: {
      fieldPort: () => undefined,
      apiPort: () => undefined,
      localUrl: () => undefined,
      own: () => [],
      names: () => [],
    },
    bmcHosts: async () => [],
    now: () => 0,
    allowLoopback,
  })

async function resolve(fields: Record<string, unknown>, allowLoopback = true) {
  const recipe: Recipe = { schema_version: '1', task_target: 'x.target', ...fields }
  const submission = { recipe, warnings: [] as string[] }
  await resolvePayloads(submission, { assetsDir, outbound: outbound(allowLoopback) })
  return { ...submission, given: recipe }
}

const faultOf = (fields: Record<string, unknown>, allowLoopback = true) =>
  resolve(fields, allowLoopback).catch((error: unknown) => error)

const url = (path: string) => `http://127.0.0.1:${server?.port}${path}`

test('text and content become the text, with nothing to tell', async () => {
  const { recipe, warnings } = await resolve({
    user_data: '#!/bin/sh\n',
    'ks.cfg': { content: 'vmaccepteula\n' },
    oci_url: 'ubuntu:24.04',
  })
  expect(recipe).toEqual({
    schema_version: '1',
    task_target: 'x.target',
    user_data: '#!/bin/sh\n',
    'ks.cfg': 'vmaccepteula\n',
    oci_url: 'ubuntu:24.04',
  })
  expect(warnings).toEqual([])
})

test('a path becomes the text of the file, told with its digest', async () => {
  await writeFile(join(assetsDir, 'answers.xml'), '<unattend/>')
  const { recipe, warnings, given } = await resolve({ unattend_xml: { path: 'answers.xml' } })
  expect(recipe['unattend_xml']).toBe('<unattend/>')
  expect(warnings).toEqual([
    `unattend_xml was taken from answers.xml in assets_dir: 11 bytes, sha256:${new Bun.CryptoHasher('sha256').update('<unattend/>').digest('hex')}`,
  ])
  expect(given['unattend_xml']).toEqual({ path: 'answers.xml' })
})

test('a url becomes what it holds now, told without its query', async () => {
  answers.set('/user-data', bytesOf('#cloud-config\n'))
  const { recipe, warnings } = await resolve({ user_data: { url: url('/user-data?key=canary') } })
  expect(recipe['user_data']).toBe('#cloud-config\n')
  expect(warnings[0]).toContain(`${url('/user-data')}: 14 bytes, sha256:`)
  expect(warnings[0]).not.toContain('canary')
})

test('a byte order mark stays: the digest is that of what the machine gets', async () => {
  await writeFile(join(assetsDir, 'marked'), '\ufeff<unattend/>')
  const { recipe } = await resolve({ unattend_xml: { path: 'marked' } })
  expect(new TextEncoder().encode(String(recipe['unattend_xml']))).toHaveLength(14)
})

test('text at the limit passes, and one byte more does not, counted in UTF-8', async () => {
  expect((await resolve({ user_data: 'x'.repeat(PAYLOAD_LIMIT) })).warnings).toEqual([])
  expect(await faultOf({ user_data: `${'x'.repeat(PAYLOAD_LIMIT - 1)}ä` })).toMatchObject({
    code: 'payload.too-large',
  })
})

test('what is not UTF-8 is refused, without a word of its content', async () => {
  await writeFile(join(assetsDir, 'latin1'), new Uint8Array([0x63, 0x61, 0x6e, 0xe4]))
  const fault = await faultOf({ user_data: { path: 'latin1' } })
  expect(fault).toMatchObject({ code: 'payload.not-text' })
})

test.each([
  ['/missing', true, 'payload.unreachable'],
  ['/large', true, 'payload.refused'],
  ['/user-data', false, 'payload.refused'],
])('the URL %s (loopback allowed: %p) is answered by %s', async (path, allowed, code) => {
  answers.set('/large', new Uint8Array(PAYLOAD_LIMIT + 1))
  const fault = await faultOf({ user_data: { url: url(path) } }, allowed)
  expect(fault).toMatchObject({ code })
  expect(String(fault)).toContain('user_data can not be taken from its URL')
})
