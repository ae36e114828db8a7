// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.2 end-1, and 1.7: the base, and how calls are refused. */
import { expect, test } from 'bun:test'
import { artifactOf, EMPTY_JSON, freshBytes, manifestOf, missingDigest, TYPES } from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, type Reply, useRegistry, withQuery } from './registry.ts'

const registry = useRegistry()
const { begin, call, pushBlob, pushImage, putManifest } = registry

test.each(['/v2/', '/v2'])('GET %s says that this is a registry', async (path) => {
  const reply = await call('GET', path)
  expect([reply.status, reply.json]).toEqual([200, {}])
  expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
  expect(reply.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
})

test.each(['/v2/', '/v2'])('HEAD %s says so too, without a body', async (path) => {
  const reply = await call('HEAD', path)
  expect([reply.status, reply.bytes().length]).toEqual([200, 0])
  expect(reply.headers.get('docker-distribution-api-version')).toBe('registry/2.0')
})

test('podman names the API version in its request, which does no harm', async () => {
  const reply = await call('GET', '/v2/', {
    headers: { 'Docker-Distribution-Api-Version': 'registry/2.0' },
  })
  expect(reply.status).toBe(200)
})

test.each(['POST', 'PUT', 'DELETE', 'PATCH'])('%s /v2/ is refused', async (method) => {
  expect([404, 405]).toContain((await call(method, '/v2/')).status)
})

interface Refusal {
  readonly what: string
  readonly status: number
  readonly code: string
  ask(name: string): Promise<Reply>
}

const refusals: readonly Refusal[] = [
  {
    what: 'a blob that is not there',
    status: 404,
    code: 'BLOB_UNKNOWN',
    ask: (name) => call('GET', `/v2/${name}/blobs/${missingDigest()}`),
  },
  {
    what: 'an upload that is not there',
    status: 404,
    code: 'BLOB_UPLOAD_UNKNOWN',
    ask: (name) => call('GET', `/v2/${name}/blobs/uploads/0198a6f0-aaaa-7bbb-8ccc-0123456789ab`),
  },
  {
    what: 'a chunk out of order',
    status: 416,
    code: 'BLOB_UPLOAD_INVALID',
    ask: async (name) =>
      call('PATCH', await begin(name), {
        body: freshBytes(10),
        headers: { 'Content-Range': '5-14' },
      }),
  },
  {
    what: 'a chunk unlike its range',
    status: 400,
    code: 'BLOB_UPLOAD_INVALID',
    ask: async (name) =>
      call('PATCH', await begin(name), {
        body: freshBytes(10),
        headers: { 'Content-Range': '0-4' },
      }),
  },
  {
    what: 'a malformed digest',
    status: 400,
    code: 'DIGEST_INVALID',
    ask: (name) => call('GET', `/v2/${name}/blobs/sha256:x`),
  },
  {
    what: 'a digest of other bytes',
    status: 400,
    code: 'DIGEST_INVALID',
    ask: async (name) =>
      call('PUT', withQuery(await begin(name), `digest=${missingDigest()}`), {
        body: freshBytes(10),
      }),
  },
  {
    what: 'a manifest whose blobs are missing',
    status: 400,
    code: 'MANIFEST_BLOB_UNKNOWN',
    ask: (name) => putManifest(name, 'v1', manifestOf(freshBytes(), [])),
  },
  {
    what: 'a manifest that is no JSON',
    status: 400,
    code: 'MANIFEST_INVALID',
    ask: (name) => putManifest(name, 'v1', freshBytes(), TYPES.image),
  },
  {
    what: 'a manifest that is not there',
    status: 404,
    code: 'MANIFEST_UNKNOWN',
    ask: (name) => call('GET', `/v2/${name}/manifests/none`),
  },
  {
    what: 'a bad name',
    status: 400,
    code: 'NAME_INVALID',
    ask: () => call('GET', '/v2/Bad/Name/tags/list'),
  },
  {
    what: 'an unknown repository',
    status: 404,
    code: 'NAME_UNKNOWN',
    ask: () => call('GET', `/v2/${freshName()}/tags/list`),
  },
  {
    what: 'a manifest over the limit',
    status: 413,
    code: 'SIZE_INVALID',
    ask: (name) =>
      putManifest(name, 'v1', {
        ...artifactOf('application/x'),
        annotations: { x: 'x'.repeat(9 << 20) },
      }),
  },
  {
    what: 'a method that is not there',
    status: 405,
    code: 'UNSUPPORTED',
    ask: (name) => call('PATCH', `/v2/${name}/manifests/v1`),
  },
]

test.each([...refusals])('$what is answered $status $code', async ({ status, code, ask }) => {
  const name = freshName()
  await pushBlob(name, EMPTY_JSON)
  const reply = await ask(name)
  expect({ status: reply.status, codes: reply.codes }).toEqual({ status, codes: [code] })
  expect(reply.json.errors[0].message).toBeString()
})

test('a refusal names what to do in words, not in code', async () => {
  const name = freshName()
  await pushImage(name)
  const { json } = await call('GET', `/v2/${name}/manifests/none`)
  const [{ message }] = json.errors
  expect(message.length).toBeGreaterThan(15)
  expect(message).not.toMatch(/undefined|\[object|Error:|\bat .*:\d+/)
})

test('a chunk that is not where the upload stands names the range as 416', async () => {
  const location = await begin(freshName())
  await call('PATCH', location, { body: freshBytes(10) })
  const reply = await call('PATCH', location, {
    body: freshBytes(10),
    headers: { 'Content-Range': '0-9' },
  })
  expect([reply.status, reply.codes]).toEqual([416, ['BLOB_UPLOAD_INVALID']])
})

test('every refusal has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
