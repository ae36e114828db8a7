// SPDX-License-Identifier: AGPL-3.0-or-later
/** Section 1.2 end-8 and the catalog: lists and their pages. */
import { beforeAll, describe, expect, test } from 'bun:test'
import { freshBytes } from './content.ts'
import { oddities } from './oddities.ts'
import { freshName, type Reply, useRegistry } from './registry.ts'

const registry = useRegistry()
const { call, pushBlob, pushImage, putManifest } = registry

/** Where the next page is; undefined on the last. */
const nextOf = ({ headers }: Reply): string | undefined =>
  /^<([^>]+)>; *rel="?next"?$/.exec(headers.get('link') ?? '')?.[1]

/** All pages from here on. */
async function pages(first: string): Promise<Reply[]> {
  const found: Reply[] = []
  for (let next: string | undefined = first; next; next = nextOf(found.at(-1) as Reply)) {
    if (found.length > 2_000) throw new Error('the pages have no end')
    found.push(await call('GET', next))
  }
  return found
}

describe('tags', () => {
  const name = freshName()
  const TAGS = ['0', '1.0', '1.10', '1.9', 'Zeta', '_x', 'alpha', 'beta', 'beta-2', 'latest']
  const list = `/v2/${name}/tags/list`
  beforeAll(async () => {
    const { bytes, type } = await pushImage(name)
    for (const tag of [...TAGS].reverse()) await putManifest(name, tag, bytes, type)
  })

  test('all tags come in the order of their bytes, as JSON with the name', async () => {
    const reply = await call('GET', list)
    expect(reply.status).toBe(200)
    expect(reply.headers.get('content-type')).toMatch(/^application\/json/)
    expect(reply.json).toEqual({ name, tags: TAGS })
    expect(reply.headers.has('link')).toBe(false)
    expect(reply.headers.get('content-length')).toBe(String(reply.bytes().length))
  })

  test('a page of n tags links to the next', async () => {
    const reply = await call('GET', `${list}?n=3`)
    expect(reply.json.tags).toEqual(TAGS.slice(0, 3))
    expect(nextOf(reply)).toMatch(/^\/v2\/.*n=3/)
    const next = await call('GET', nextOf(reply) ?? '')
    expect(next.json.tags).toEqual(TAGS.slice(3, 6))
  })

  test.each([1, 2, 3, 7, 9, 10, 11])('pages of %i tags show each tag once', async (n) => {
    const found = await pages(`${list}?n=${n}`)
    expect(found.flatMap(({ json }) => json.tags)).toEqual(TAGS)
    expect(found).toHaveLength(Math.ceil(TAGS.length / n))
  })

  test('the last page has no Link, also when it is full', async () => {
    expect(nextOf(await call('GET', `${list}?n=10`))).toBeUndefined()
    expect(nextOf(await call('GET', `${list}?n=5&last=${TAGS[4]}`))).toBeUndefined()
  })

  test('n=0 is an empty page without a Link', async () => {
    const reply = await call('GET', `${list}?n=0`)
    expect([reply.status, reply.json, reply.headers.get('link')]).toEqual([
      200,
      { name, tags: [] },
      null,
    ])
  })

  test.each([
    ['a tag', 'alpha', 7],
    ['a tag that is not there', 'alz', 7],
    ['something before all', '', 0],
    ['something after all', 'zzz', 10],
    ['the last tag', 'latest', 10],
  ])('a list after %s begins there', async (_, last, from) => {
    const reply = await call('GET', `${list}?last=${last}`)
    expect(reply.json).toEqual({ name, tags: TAGS.slice(from) })
  })

  test.each(['x', '-1', '1.5', '1e3', '%00', 'NaN'])('n=%s is refused with 400', async (n) => {
    const { status } = await call('GET', `${list}?n=${n}`)
    expect(status).toBe(400)
  })

  test('a very large n is no fault', async () => {
    const reply = await call('GET', `${list}?n=1000000000`)
    expect(reply.json.tags).toEqual(TAGS)
  })

  test('the tags of an unknown repository are NAME_UNKNOWN', async () => {
    const { status, codes } = await call('GET', `/v2/${freshName()}/tags/list`)
    expect({ status, codes }).toEqual({ status: 404, codes: ['NAME_UNKNOWN'] })
  })

  test('a repository without tags has an empty list, never null', async () => {
    const own = freshName()
    await pushImage(own)
    expect((await call('GET', `/v2/${own}/tags/list`)).json).toEqual({ name: own, tags: [] })
  })

  test('a repository that holds only blobs has an empty list or is unknown', async () => {
    const own = freshName()
    await pushBlob(own, freshBytes())
    const { status, json } = await call('GET', `/v2/${own}/tags/list`)
    expect([200, 404]).toContain(status)
    if (status === 200) expect(json.tags).toEqual([])
  })

  test('a tag that is pushed between two pages does not disturb them', async () => {
    const own = freshName()
    const { bytes, type } = await pushImage(own)
    for (const tag of ['b', 'd', 'f']) await putManifest(own, tag, bytes, type)
    const first = await call('GET', `/v2/${own}/tags/list?n=2`)
    await putManifest(own, 'a', bytes, type)
    await putManifest(own, 'e', bytes, type)
    const rest = await pages(nextOf(first) ?? '')
    expect(rest.flatMap(({ json }) => json.tags)).toEqual(['e', 'f'])
  })

  test('a tag that is deleted between two pages does not disturb them', async () => {
    const own = freshName()
    const { bytes, type } = await pushImage(own)
    for (const tag of ['a', 'b', 'c']) await putManifest(own, tag, bytes, type)
    const first = await call('GET', `/v2/${own}/tags/list?n=2`)
    await call('DELETE', `/v2/${own}/manifests/b`)
    expect((await call('GET', nextOf(first) ?? '')).json.tags).toEqual(['c'])
  })
})

test('a thousand tags are paged at depth, each once', async () => {
  const name = freshName()
  const { bytes, type, digest } = await pushImage(name)
  const tags = Array.from({ length: 1_000 }, (_, each) => `t-${String(each).padStart(4, '0')}`)
  for (let from = 0; from < tags.length; from += 50) {
    await Promise.all(tags.slice(from, from + 50).map((tag) => putManifest(name, tag, bytes, type)))
  }
  const found = await pages(`/v2/${name}/tags/list?n=37`)
  expect(found.flatMap(({ json }) => json.tags)).toEqual(tags)
  expect(found).toHaveLength(28)
  expect(
    (await call('HEAD', `/v2/${name}/manifests/t-0999`)).headers.get('docker-content-digest'),
  ).toBe(digest)
}, 30_000)

describe('catalog', () => {
  const base = freshName('cat')
  const NAMES = ['a', 'a-b', 'a.b', 'a/b', 'b', 'c/d/e'].map((name) => `${base}/${name}`).sort()
  beforeAll(async () => {
    for (const name of NAMES) await pushImage(name, { tag: 'v1' })
  })
  const mine = (names: readonly string[]) => names.filter((name) => name.startsWith(base))

  test('the catalog lists repositories in the order of their bytes', async () => {
    const found = await pages('/v2/_catalog')
    expect(found.every(({ status }) => status === 200)).toBe(true)
    expect(mine(found.flatMap(({ json }) => json.repositories))).toEqual(NAMES)
  })

  test('the catalog is paged', async () => {
    const found = await pages('/v2/_catalog?n=2')
    const names = found.flatMap(({ json }) => json.repositories)
    expect(mine(names)).toEqual(NAMES)
    expect(new Set(names).size).toBe(names.length)
    expect(found.every(({ json }) => json.repositories.length <= 2)).toBe(true)
  })

  test('the catalog begins after a name', async () => {
    const { json } = await call(
      'GET',
      `/v2/_catalog?n=2&last=${encodeURIComponent(NAMES[1] ?? '')}`,
    )
    expect(json.repositories).toEqual(NAMES.slice(2, 4))
  })

  test('the catalog refuses a page that is no number', async () => {
    expect((await call('GET', '/v2/_catalog?n=x')).status).toBe(400)
  })

  test('n=0 is an empty page of the catalog', async () => {
    const reply = await call('GET', '/v2/_catalog?n=0')
    expect([reply.status, reply.json, nextOf(reply)]).toEqual([
      200,
      { repositories: [] },
      undefined,
    ])
  })

  test('the extensions are listed, or not known', async () => {
    const { status, json } = await call('GET', '/v2/_oci/ext/discover')
    expect([200, 404]).toContain(status)
    if (status === 200) expect(json.extensions).toBeArray()
  })
})

test('every answer about lists has the form that OCI asks for', () => {
  expect(oddities.found).toEqual([])
})
