// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { DAY, HOUR } from '../../../core/units.ts'
import { digestOf } from '../store/digest.ts'
import { leases, tags } from '../tables.ts'
import { type CareBed, careBed } from './care-bed.ts'
import { planRetention } from './retention-plan.ts'
import { historyOf, rollBack } from './tag-history.ts'

let care: CareBed
beforeEach(async () => {
  care = await careBed({
    immutable: [{ repositories: 'prod/**', tags: 'v*' }],
    quotas: [{ repositories: 'small/**', limit_bytes: 2_000 }],
  })
})
afterEach(() => care[Symbol.asyncDispose]())

const store = () => care.bed.store()
const send = (method: string, path: string) => care.bed.send(method, path)
const errorOf = async (response: Response) => {
  const body = (await response.json()) as { errors: { code: string; message: string }[] }
  return { status: response.status, ...body.errors[0] }
}

/** Pushes the tag once a day with other bytes; the digests, the oldest first. */
async function releases(repository: string, names: readonly string[]): Promise<string[]> {
  const digests: string[] = []
  for (const [at, name] of names.entries()) {
    care.clock.advance(DAY)
    digests.push((await care.bed.image(repository, name, `layer ${at}`)).digest)
  }
  return digests
}

test('retention removes what its plan says, writes it down, and the next collection frees it', async () => {
  await releases('t/os', ['1', '2', '3', '4'])
  await store().rules.setRetention([{ repositories: 't/*', keep_last: 2 }], [])
  const plan = await planRetention(store(), store().rules.retention())
  expect(plan.remove.map(({ tag }) => tag).toSorted()).toEqual(['1', '2'])
  expect(plan.keep.map(({ tag, why }) => [tag, why])).toEqual([
    ['4', ['last']],
    ['3', ['last']],
  ])
  expect((await send('GET', '/v2/t/os/manifests/1')).status).toBe(200)
  expect((await care.retention()).remove).toEqual(plan.remove)
  expect((await send('GET', '/v2/t/os/manifests/1')).status).toBe(404)
  expect((await send('GET', '/v2/t/os/manifests/3')).status).toBe(200)
  const [newest] = (await historyOf(store(), 't/os', '1')).entries
  expect(newest).toMatchObject({ action: 'retention', by: 'retention', present: false })
  care.clock.advance(2 * DAY)
  expect(await care.gc()).toMatchObject({ manifests: 2 })
})

test('rules outlive a restart, and those of the configuration come first', async () => {
  await store().rules.setRetention([{ repositories: '**', keep_last: 1 }], [])
  await store().rules.setQuotas([{ repositories: 'x', limit_bytes: 1 }])
  await care.restart()
  expect(store().rules.retentionView()).toEqual({
    rules: [{ repositories: '**', keep_last: 1, source: 'api' }],
    immutable: [{ repositories: 'prod/**', tags: 'v*', source: 'config' }],
  })
  expect(
    store()
      .rules.quotas()
      .map(({ repositories }) => repositories),
  ).toEqual(['small/**', 'x'])
})

test('a tag that a running job installs is kept', async () => {
  const [digest = ''] = await releases('t/os', ['1', '2'])
  const until = care.clock.now() + HOUR
  const lease = { id: 'x', repository: 't/os', digest, holder: 'job:1', until }
  await care.bed.db.read.insert(leases).values(lease)
  await store().rules.setRetention([{ repositories: '**', keep_last: 1 }], [])
  expect((await care.retention()).removed).toBe(0)
  care.clock.advance(2 * HOUR)
  expect((await care.retention()).removed).toBe(1)
})

test('of many first pushes of an immutable tag at once one stands', async () => {
  const { text } = await care.bed.image('prod/race', 'latest')
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const push = (at: number) => {
    const other = text.replace('"size":2', `"size":2,"annotations":{"at":"${at}"}`)
    return care.bed.putManifest('prod/race', 'v1', other, type)
  }
  const answers = await Promise.all([1, 2, 3, 4, 5, 6].map(push))
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 403, 403, 403, 403, 403])
})

test('an immutable tag is neither moved nor deleted, and the same push again is no move', async () => {
  const { digest, text } = await care.bed.image('prod/os', 'v1')
  await care.bed.image('prod/os', 'latest')
  expect((await care.bed.image('prod/os', 'v1')).digest).toBe(digest)
  const other = text.replace('"size":2', '"size":2,"annotations":{}')
  const type = 'application/vnd.oci.image.manifest.v1+json'
  const moved = await errorOf(await care.bed.putManifest('prod/os', 'v1', other, type))
  expect(moved).toMatchObject({ status: 403, code: 'DENIED' })
  expect(moved.message).toContain('prod/os:v1 is immutable')
  // By digest it is pushed, and the tag stays where it was.
  const byDigest = digestOf(Buffer.from(other))
  expect((await care.bed.putManifest('prod/os', byDigest, other, type)).status).toBe(201)
  expect(await errorOf(await send('DELETE', '/v2/prod/os/manifests/v1'))).toMatchObject({
    ...{ status: 403, code: 'DENIED' },
  })
  expect((await send('DELETE', `/v2/prod/os/manifests/${digest}`)).status).toBe(403)
  expect((await send('DELETE', '/v2/prod/os/manifests/latest')).status).toBe(202)
  expect((await send('GET', '/v2/prod/os/manifests/v1')).headers.get('etag')).toBe(`"${digest}"`)
  const roll = rollBack(store(), { repository: 'prod/os', name: 'v1' }, byDigest, 'ada')
  await expect(roll).rejects.toThrow('no such earlier digest')
})

test('the history of a tag tells every move, and goes back to any that is still here', async () => {
  const digests = await releases('t/os', ['latest', 'latest', 'latest'])
  const { entries } = await historyOf(store(), 't/os', 'latest')
  expect(entries.map(({ from, to }) => [from, to])).toEqual([
    [digests[1], digests[2]],
    [digests[0], digests[1]],
    [undefined, digests[0]],
  ])
  const tag = { repository: 't/os', name: 'latest' }
  const back = await rollBack(store(), tag, undefined, 'ada')
  expect(back).toMatchObject({ digest: digests[1], previous_digest: digests[2] })
  expect((await send('GET', '/v2/t/os/manifests/latest')).headers.get('etag')).toBe(
    `"${digests[1]}"`,
  )
  const first = entries.at(-1)?.seq
  expect(await rollBack(store(), tag, first, 'ada')).toMatchObject({ digest: digests[0] })
  const after = (await historyOf(store(), 't/os', 'latest')).entries[0]
  expect(after).toMatchObject({ action: 'rollback', by: 'ada', to: digests[0] })
  await expect(rollBack(store(), tag, `sha256:${'0'.repeat(64)}`, 'ada')).rejects.toThrow(
    'no such earlier',
  )
})

test('a deleted tag comes back, within the grace; what was collected does not', async () => {
  await releases('t/os', ['latest', 'other'])
  const tag = { repository: 't/os', name: 'latest' }
  await send('DELETE', '/v2/t/os/manifests/latest')
  expect((await historyOf(store(), 't/os', 'latest')).entries[0]).toMatchObject({
    action: 'delete',
  })
  await care.gc()
  await rollBack(store(), tag, undefined, 'ada')
  expect((await send('GET', '/v2/t/os/manifests/latest')).status).toBe(200)
  await send('DELETE', '/v2/t/os/manifests/latest')
  care.clock.advance(2 * DAY)
  await care.gc()
  await expect(rollBack(store(), tag, undefined, 'ada')).rejects.toThrow('is not in t/os any more')
  await expect(historyOf(store(), 't/os', 'never')).rejects.toThrow('there is no tag never')
})

test('the digest before the present one is held for a rollback, those before it go', async () => {
  await releases('t/os', ['latest', 'latest', 'latest'])
  care.clock.advance(10 * DAY)
  expect(await care.gc()).toMatchObject({ manifests: 1 })
  const { entries } = await historyOf(store(), 't/os', 'latest')
  expect(entries.map(({ present }) => present)).toEqual([true, true, false])
})

const blobOf = (size: number) => crypto.getRandomValues(new Uint8Array(size))

test('a push beyond the quota is refused before its bytes are taken, and again while they come', async () => {
  expect((await care.bed.pushBlob('small/a', blobOf(1_500))).status).toBe(201)
  const whole = await errorOf(await care.bed.pushBlob('small/b', blobOf(600)))
  expect(whole).toMatchObject({ status: 403, code: 'DENIED' })
  expect(whole.message).toContain('quota of small/** exceeded')
  const begun = await send('POST', '/v2/small/b/blobs/uploads/')
  const location = begun.headers.get('location') ?? ''
  const stream = new ReadableStream({
    async pull(controller) {
      controller.enqueue(blobOf(100))
    },
  })
  const cut = await errorOf(await care.bed.send('PATCH', location, { body: stream }))
  expect(cut).toMatchObject({ status: 403, code: 'DENIED' })
  // What fitted is kept in its session, and counts.
  const { uploads } = store()
  expect(uploads.list()[0]?.sizeBytes).toBe(500)
  expect((await care.bed.pushBlob('small/c', blobOf(1))).status).toBe(403)
  await send('DELETE', location)
  expect((await care.bed.pushBlob('small/c', blobOf(1))).status).toBe(201)
  expect((await care.bed.pushBlob('large', blobOf(100_000))).status).toBe(201)
})

test('a mount and a manifest count too, and never with the code that makes clients try again', async () => {
  const { layer } = await care.bed.image('other', '1', 'x'.repeat(1_900))
  const mount = `/v2/small/m/blobs/uploads/?mount=${layer}&from=other`
  expect((await send('POST', mount)).status).toBe(201)
  const refused = await care.bed.image('small/m', '1', 'y').catch((error: Error) => error.message)
  expect(refused).toContain('"DENIED"')
  expect(refused).toContain('quota of small/** exceeded')
})

test('from nine tenths of a quota on clients are warned', async () => {
  const { digest } = await care.bed.image('small/w', '1', 'w')
  expect((await send('GET', `/v2/small/w/manifests/${digest}`)).headers.get('warning')).toBeNull()
  await care.bed.pushBlob('small/w', blobOf(1_500))
  const { headers } = await care.bed.send('GET', `/v2/small/w/manifests/${digest}`)
  expect(headers.get('warning')).toMatch(/^299 - "the quota of small\/\*\* is used to 9\d %/)
})

test('what a push has taken is given back by the collection', async () => {
  await care.bed.pushBlob('small/a', blobOf(1_900))
  expect((await care.bed.pushBlob('small/a', blobOf(200))).status).toBe(403)
  care.clock.advance(2 * DAY)
  expect(await care.gc()).toMatchObject({ blobs: 1, reclaimable_bytes: 1_900 })
  expect((await care.bed.pushBlob('small/a', blobOf(200))).status).toBe(201)
  expect(await care.bed.db.read.$count(tags)).toBe(0)
})
